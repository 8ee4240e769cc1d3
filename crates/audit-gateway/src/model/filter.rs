//! Takes the extra chunk of usage out of a stream whose caller had not asked for it.

use std::collections::VecDeque;

use audit_pipeline::sources::openwebui::completions::UsageReader;
use bytes::{Bytes, BytesMut};

/// An event longer than this passes without waiting for its end: the extra chunk is a few hundred bytes.
const LONGEST_HELD: usize = 16 << 10;

/// Holds back the server-sent event under way until it is whole; passes whole ones on without copying.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// The beginning of the event under way, from earlier pieces.
    held: BytesMut,
    /// The event under way is too long to be the extra chunk, and its beginning is gone already.
    is_passing: bool,
}

impl Filter {
    /// Reads a piece and hands on what may pass.
    pub(super) fn feed(&mut self, piece: &Bytes, reader: &mut UsageReader, out: &mut VecDeque<Bytes>) {
        // Where the bytes begin that are to be handed on, and where the event under way begins.
        let (mut keep_from, mut event_from) = (0, 0);
        let Self { held, is_passing } = self;
        reader.feed_events(piece, |end| {
            if end.is_bare_usage && !*is_passing {
                hand_on(piece.slice(keep_from..event_from), out);
                held.clear();
                keep_from = end.at;
            } else if !held.is_empty() {
                out.push_back(held.split().freeze());
            }
            event_from = end.at;
            *is_passing = false;
        });
        if self.is_passing {
            return hand_on(piece.slice(keep_from..), out);
        }
        hand_on(piece.slice(keep_from..event_from), out);
        self.held.extend_from_slice(&piece[event_from..]);
        if self.held.len() > LONGEST_HELD {
            self.is_passing = true;
            self.flush(out);
        }
    }

    /// Hands on what is held: nothing more comes.
    pub(super) fn flush(&mut self, out: &mut VecDeque<Bytes>) {
        hand_on(self.held.split().freeze(), out);
    }
}

fn hand_on(bytes: Bytes, out: &mut VecDeque<Bytes>) {
    if !bytes.is_empty() {
        out.push_back(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(stream: &str, size: usize) -> (String, UsageReader) {
        let (mut filter, mut reader, mut out) = (Filter::default(), UsageReader::default(), VecDeque::new());
        for piece in stream.as_bytes().chunks(size) {
            filter.feed(&Bytes::copy_from_slice(piece), &mut reader, &mut out);
        }
        filter.flush(&mut out);
        assert!(out.iter().all(|piece| !piece.is_empty()));
        (String::from_utf8(Vec::from(out).concat()).unwrap(), reader)
    }

    #[track_caller]
    fn check(stream: &str, expected: &str) {
        for size in [1, 2, 7, 50, 1 << 20] {
            assert_eq!(filtered(stream, size).0, expected, "in pieces of {size} bytes");
        }
    }

    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":7}}\n\n";

    #[test]
    fn only_the_extra_chunk_goes() {
        let before = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}],\"usage\":null}\n\n: ping\n\n";
        let after = "data: [DONE]\n\n";
        check(&format!("{before}{USAGE}{after}"), &format!("{before}{after}"));
        check(&format!("{USAGE}{before}{USAGE}"), before);
        check(&format!("{before}{after}"), &format!("{before}{after}"));
    }

    #[test]
    fn usage_beside_choices_stays() {
        let stream = "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9}}\n\ndata: [DONE]\n\n";
        check(stream, stream);
    }

    #[test]
    fn what_breaks_off_passes_as_far_as_it_came() {
        let stream = "data: {\"choices\":[],\"usage\":{\"prompt_tok";
        check(stream, stream);
        check("no events\nat all", "no events\nat all");
    }

    #[test]
    fn a_long_event_is_not_held() {
        let long = format!("data: {{\"choices\":[{{\"delta\":\"{}\"}}]}}\n\n", "x".repeat(3 * LONGEST_HELD));
        check(&format!("{long}{USAGE}{long}"), &format!("{long}{long}"));
        let (mut filter, mut reader, mut out) = (Filter::default(), UsageReader::default(), VecDeque::new());
        filter.feed(&Bytes::copy_from_slice(&long.as_bytes()[..=LONGEST_HELD]), &mut reader, &mut out);
        assert_eq!(out.iter().map(Bytes::len).sum::<usize>(), LONGEST_HELD + 1);
    }

    #[test]
    fn whole_events_are_not_copied() {
        let piece = Bytes::from_static(b"data: {}\n\ndata: {}\n\n");
        let (mut filter, mut reader, mut out) = (Filter::default(), UsageReader::default(), VecDeque::new());
        filter.feed(&piece, &mut reader, &mut out);
        assert_eq!((out.len(), out[0].as_ptr()), (1, piece.as_ptr()));
    }

    #[test]
    fn what_was_taken_out_was_read() {
        assert_eq!(filtered(USAGE, 3).1.completion().tokens.input, Some(9));
    }
}
