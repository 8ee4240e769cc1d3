//! `tail`: the newest events, and with `-f` those to come.

use std::{io::Write, process::ExitCode};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{
    Context, UsageError,
    search::{self, Page, event_row},
};
use crate::{
    api::Answer,
    cli::{FilterArgs, TailArgs},
    filters::zone,
    interrupt::Interrupt,
    output::{note, printable},
};

/// Prints the newest events, oldest of them first, and follows if asked to.
pub(crate) async fn run(context: &Context, args: &TailArgs) -> anyhow::Result<ExitCode> {
    if args.follow && context.global.url.is_none() {
        return Err(UsageError::new(
            "tail -f follows a running server: add --url http://HOST:PORT (nothing can arrive while this command has the data directory open)",
        )
        .into());
    }
    let zone = zone(args.filter.tz.as_deref())?;
    let filter = args.filter.to_query()?;
    // The stream brings events as they are recorded: a time zone means nothing to it.
    let to_come = FilterArgs { tz: None, ..args.filter.clone() }.to_query()?;
    let api = context.api()?;
    let print = |event: &Value| print(context, event, &zone);
    let done = async {
        // The stream begins before the list is asked for, so that nothing falls between them.
        let stream = if args.follow { Some(api.get("/stream", &to_come).await?) } else { None };
        let mut shown = Shown::default();
        if args.limit > 0 {
            let mut newest = filter.clone();
            newest.add("limit", args.limit.to_string());
            let page: Page = if args.filter.to.is_some() {
                api.get_json("", &newest).await?
            } else {
                let (page, future) = search::newest(&api, &newest).await?;
                search::note_future(future);
                page
            };
            for event in page.events.iter().rev() {
                shown.note(event);
                print(event)?;
            }
        }
        match stream {
            Some(stream) => follow(stream, &shown, &print).await,
            None => Ok(()),
        }
    }
    .await;
    api.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

/// Ids of the events of the list: they may come over the stream once more.
#[derive(Default)]
struct Shown(Vec<String>);

impl Shown {
    fn note(&mut self, event: &Value) {
        self.0.extend(event.get("id").and_then(Value::as_str).map(str::to_owned));
    }

    fn has(&self, event: &Value) -> bool {
        event.get("id").and_then(Value::as_str).is_some_and(|id| self.0.iter().any(|shown| shown == id))
    }
}

/// Prints what the stream brings until it ends or somebody asks to.
async fn follow(
    mut stream: Answer,
    shown: &Shown,
    print: &impl Fn(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut interrupt = Interrupt::listen()?;
    let mut messages = Messages::default();
    loop {
        let piece = tokio::select! {
            piece = stream.piece() => piece?,
            () = interrupt.wait() => return Ok(()),
        };
        let piece = piece.context("the stream broke off")?;
        for message in messages.take(&piece) {
            let data: Value = serde_json::from_str(&message.data).context("the stream brought no event")?;
            match message.kind.as_str() {
                "event" if !shown.has(&data) => print(&data)?,
                "problem" => note(format!("warning: {}", detail(&data))),
                "end" => bail!("the server ended the stream: {}", detail(&data)),
                _ => {}
            }
        }
    }
}

/// What a message about the stream itself says.
fn detail(message: &Value) -> String {
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    printable(text("detail").or_else(|| text("code")).unwrap_or("it does not say why"))
}

fn print(context: &Context, event: &Value, zone: &jiff::tz::TimeZone) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if context.output.is_json() {
        serde_json::to_writer(&mut out, event)?;
    } else {
        let [time, action, outcome, who, ip, message] = event_row(event, zone);
        write!(out, "{time}  {action:<28}  {outcome:<7}  {who:<32}  {ip:<15}  {message}")?;
    }
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Puts server-sent events together out of pieces of a stream (WHATWG HTML, section 9.2).
#[derive(Default)]
struct Messages {
    rest: Vec<u8>,
}

impl Messages {
    /// Adds a piece and returns the messages that are now whole; those without data are left out.
    fn take(&mut self, piece: &[u8]) -> Vec<Message> {
        self.rest.extend(piece.iter().filter(|byte| **byte != b'\r'));
        let mut messages = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let message: Vec<u8> = self.rest.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&message);
            let of = |field: &'static str| {
                text.lines().filter_map(move |line| line.strip_prefix(field)).map(str::trim_start)
            };
            let data: Vec<&str> = of("data:").collect();
            if !data.is_empty() {
                let kind = of("event:").next_back().unwrap_or("event").trim_end().to_owned();
                messages.push(Message { kind, data: data.join("\n") });
            }
        }
        messages
    }
}

/// A message of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    /// `event` unless it says otherwise.
    kind: String,
    data: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, data: &str) -> Message {
        Message { kind: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn messages_are_put_together_from_pieces() {
        let mut messages = Messages::default();
        assert!(messages.take(b": hello\n\nid: 7\nda").is_empty());
        let whole = messages.take(b"ta: {\"a\":\ndata: 1}\n\ndata:2\r\n\r\n");
        assert_eq!(whole, [message("event", "{\"a\":\n1}"), message("event", "2")]);
        assert_eq!(messages.take(b"event: end\ndata: {}\n\n"), [message("end", "{}")]);
        assert!(messages.take(b": heartbeat\nid: 9\n\n").is_empty());
    }

    #[test]
    fn a_message_about_the_stream_says_why() {
        let told = serde_json::json!({"code": "expired_token", "detail": "the token expired", "index": null});
        assert_eq!(detail(&told), "the token expired");
        assert_eq!(detail(&serde_json::json!({"code": "internal"})), "internal");
        assert_eq!(detail(&Value::Null), "it does not say why");
    }
}
