//! `tail`: the newest events, and with `-f` those to come.

use std::{io::Write, process::ExitCode};

use anyhow::Context as _;
use serde_json::Value;

use super::{
    Context, UsageError,
    search::{Page, event_row},
};
use crate::{
    api::Answer,
    cli::{FilterArgs, TailArgs},
    filters::zone,
    interrupt::Interrupt,
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
            let page: Page = api.get_json("", &newest).await?;
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
        let piece = piece.context("the server ended the stream")?;
        for data in messages.take(&piece) {
            let event: Value = serde_json::from_str(&data).context("the stream brought no event")?;
            if !shown.has(&event) {
                print(&event)?;
            }
        }
    }
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
    /// Adds a piece and returns the data of the messages that are now whole; those without data are left out.
    fn take(&mut self, piece: &[u8]) -> Vec<String> {
        self.rest.extend(piece.iter().filter(|byte| **byte != b'\r'));
        let mut messages = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let message: Vec<u8> = self.rest.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&message);
            let is_event =
                !text.lines().any(|line| line.starts_with("event:") && line.trim() != "event: event");
            let data: Vec<&str> =
                text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
            if is_event && !data.is_empty() {
                messages.push(data.join("\n"));
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_put_together_from_pieces() {
        let mut messages = Messages::default();
        assert!(messages.take(b": hello\n\nid: 7\nda").is_empty());
        assert_eq!(messages.take(b"ta: {\"a\":\ndata: 1}\n\ndata:2\r\n\r\n"), ["{\"a\":\n1}", "2"]);
        assert!(messages.take(b"event: end\ndata: {}\n\n").is_empty());
    }
}
