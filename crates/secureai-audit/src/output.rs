//! What people and scripts see: tables on a terminal, JSON with `--json`, bars while something takes long.

mod progress;
mod table;
mod text;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

pub(crate) use self::{
    progress::Bar,
    table::{Align, Table},
    text::{bytes, count, printable, rate},
};

/// Standard output, as the command's answer goes there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Prints JSON if `json`, else text.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether the answer is to be JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints `value` as one line of JSON on a pipe and indented on a terminal.
    pub(crate) fn json(self, value: &impl Serialize) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if io::stdout().is_terminal() {
            serde_json::to_writer_pretty(&mut out, value)?;
        } else {
            serde_json::to_writer(&mut out, value)?;
        }
        Ok(writeln!(out)?)
    }

    /// Prints a line of text.
    pub(crate) fn line(self, text: impl AsRef<str>) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", text.as_ref())
    }

    /// Prints a table, cut to the terminal's width if there is one.
    pub(crate) fn table(self, table: &Table) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(table.render(terminal_columns()).as_bytes())
    }
}

/// Prints a line for the person at the keyboard, beside the answer.
pub(crate) fn note(text: impl AsRef<str>) {
    // Standard error may be closed; then nobody is there to read it.
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// The terminal's width, when standard output is one.
fn terminal_columns() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns >= 40)
}
