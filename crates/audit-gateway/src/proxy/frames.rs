//! WebSocket frames (RFC 6455) as they pass: text messages, piece by piece, and closes.
//!
//! The reader only looks, and keeps nothing of a message however long it is.

use super::relay::Verdict;

/// Bytes unmasked at once.
const PIECE: usize = 1 << 10;

/// Control frames (close, ping, pong) have this bit in their opcode and may stand between the fragments of a message.
const CONTROL: u8 = 0x8;
const CLOSE: u8 = 0x8;

/// What passed in one direction of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'p> {
    /// The next piece of a text message.
    Text(&'p [u8]),
    /// The text message is whole.
    End,
    /// The sender closes the WebSocket, with the code it gave.
    Close(Option<u16>),
}

/// Whoever hears of pieces.
type Tell<'t> = &'t mut dyn FnMut(Piece<'_>) -> Verdict;

/// Finds the messages in one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    state: State,
    /// Whether the message in hand is text; its fragments say no more than "continuation".
    is_text: bool,
    /// The code of the close frame in hand, and how much of it there is.
    close: ([u8; 2], usize),
    /// Nobody wants the messages.
    is_deaf: bool,
    /// What came makes no sense as frames: never look again.
    is_lost: bool,
}

#[derive(Debug)]
enum State {
    /// Collecting a frame's head.
    Head { bytes: [u8; 14], have: usize },
    /// Inside a frame's payload.
    Payload { frame: Frame, left: u64, seen: usize },
}

impl Default for State {
    fn default() -> Self {
        Self::Head { bytes: [0; 14], have: 0 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    is_final: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: u64,
}

impl FrameReader {
    /// Looks at bytes before they pass. Stops where `tell` says so.
    pub fn feed(&mut self, mut bytes: &[u8], tell: Tell<'_>) -> Verdict {
        while !bytes.is_empty() && !self.is_lost {
            let (rest, verdict) = match &mut self.state {
                State::Head { .. } => self.feed_head(bytes, tell),
                State::Payload { .. } => self.feed_payload(bytes, tell),
            };
            if verdict == Verdict::Stop {
                return verdict;
            }
            bytes = rest;
        }
        Verdict::Pass
    }

    /// Follows the frames without telling of them.
    pub fn skip(&mut self, bytes: &[u8]) {
        self.is_deaf = true;
        let _ = self.feed(bytes, &mut |_| Verdict::Pass);
    }

    /// Whether the bytes so far end where a frame ends.
    pub fn is_between_frames(&self) -> bool {
        !self.is_lost && matches!(self.state, State::Head { have: 0, .. })
    }

    fn feed_head<'b>(&mut self, bytes: &'b [u8], tell: Tell<'_>) -> (&'b [u8], Verdict) {
        let State::Head { bytes: head, have } = &mut self.state else { return (bytes, Verdict::Pass) };
        let needed = head_length(&head[..*have]);
        let taken = (needed - *have).min(bytes.len());
        head[*have..*have + taken].copy_from_slice(&bytes[..taken]);
        *have += taken;
        let mut verdict = Verdict::Pass;
        if *have == head_length(&head[..*have]) && *have >= 2 {
            match Frame::decode(&head[..*have]) {
                Some(frame) => verdict = self.begin(frame, tell),
                None => self.lose(),
            }
        }
        (&bytes[taken..], verdict)
    }

    fn begin(&mut self, frame: Frame, tell: Tell<'_>) -> Verdict {
        if frame.opcode == CLOSE {
            self.close = ([0; 2], 0);
        } else if frame.opcode & CONTROL == 0 && frame.opcode != 0 {
            self.is_text = frame.opcode == 1;
        }
        self.state = State::Payload { frame, left: frame.length, seen: 0 };
        if frame.length == 0 { self.end(frame, tell) } else { Verdict::Pass }
    }

    fn feed_payload<'b>(&mut self, bytes: &'b [u8], tell: Tell<'_>) -> (&'b [u8], Verdict) {
        let State::Payload { frame, left, seen } = &mut self.state else { return (bytes, Verdict::Pass) };
        let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        let (payload, rest) = bytes.split_at(taken);
        let (frame, offset) = (*frame, *seen);
        *seen = (*seen + taken) % 4;
        *left -= taken as u64;
        let is_over = *left == 0;
        let mut verdict = Verdict::Pass;
        if frame.opcode == CLOSE {
            self.keep_code(frame, offset, payload);
        } else if frame.opcode & CONTROL == 0 && self.is_text && !self.is_deaf {
            verdict = frame.unmasked(offset, payload, &mut |piece| tell(Piece::Text(piece)));
        }
        if is_over && verdict == Verdict::Pass {
            verdict = self.end(frame, tell);
        }
        (rest, verdict)
    }

    fn keep_code(&mut self, frame: Frame, offset: usize, payload: &[u8]) {
        let (code, have) = &mut self.close;
        let _ = frame.unmasked(offset, payload, &mut |piece| {
            let room = piece.len().min(code.len() - *have);
            code[*have..*have + room].copy_from_slice(&piece[..room]);
            *have += room;
            Verdict::Pass
        });
    }

    fn end(&mut self, frame: Frame, tell: Tell<'_>) -> Verdict {
        self.state = State::default();
        let piece = if frame.opcode == CLOSE {
            let (code, have) = self.close;
            Piece::Close((have == code.len()).then(|| u16::from_be_bytes(code)))
        } else if frame.opcode & CONTROL == 0 && frame.is_final && std::mem::take(&mut self.is_text) {
            Piece::End
        } else {
            return Verdict::Pass;
        };
        if self.is_deaf { Verdict::Pass } else { tell(piece) }
    }

    fn lose(&mut self) {
        *self = Self { is_lost: true, ..Self::default() };
    }
}

/// How long the head is that begins with these bytes; at least two are needed to say.
fn head_length(head: &[u8]) -> usize {
    let [_, second, ..] = head else { return 2 };
    let extended = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + extended + if second & 0x80 == 0 { 0 } else { 4 }
}

impl Frame {
    /// Tells of a piece of the payload that begins `offset` bytes after the mask's beginning, its mask taken off.
    fn unmasked(self, offset: usize, payload: &[u8], tell: &mut dyn FnMut(&[u8]) -> Verdict) -> Verdict {
        let Some(mask) = self.mask else { return tell(payload) };
        let mut plain = [0; PIECE];
        let mut at = offset;
        for piece in payload.chunks(PIECE) {
            let key = mask.iter().cycle().skip(at % 4);
            for ((plain, byte), key) in plain.iter_mut().zip(piece).zip(key) {
                *plain = byte ^ key;
            }
            at += piece.len();
            if tell(&plain[..piece.len()]) == Verdict::Stop {
                return Verdict::Stop;
            }
        }
        Verdict::Pass
    }

    /// Reads a whole head. `None` when a reserved bit is set: an extension that was not agreed on.
    fn decode(head: &[u8]) -> Option<Self> {
        let (first, second) = (head[0], head[1]);
        if first & 0x70 != 0 {
            return None;
        }
        let is_masked = second & 0x80 != 0;
        let (length, mask) = head[2..].split_at(head.len() - 2 - if is_masked { 4 } else { 0 });
        let long = length.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        Some(Self {
            is_final: first & 0x80 != 0,
            opcode: first & 0x0F,
            mask: mask.try_into().ok(),
            length: if length.is_empty() { u64::from(second & 0x7F) } else { long },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        let bit = if mask.is_some() { 0x80 } else { 0 };
        match payload.len() {
            length @ 0..=125 => bytes.push(bit | u8::try_from(length).unwrap()),
            length @ 126..=0xFFFF => {
                bytes.push(bit | 126);
                bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                bytes.push(bit | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
        let mask = mask.unwrap_or_default();
        bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
        bytes
    }

    fn read(bytes: &[u8], piece: usize) -> Vec<String> {
        let (mut reader, mut messages, mut message) = (FrameReader::default(), Vec::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            let verdict = reader.feed(piece, &mut |piece| {
                match piece {
                    Piece::Text(text) => message.extend_from_slice(text),
                    Piece::End => messages.push(String::from_utf8(std::mem::take(&mut message)).unwrap()),
                    Piece::Close(code) => messages.push(format!("close {code:?}")),
                }
                Verdict::Pass
            });
            assert_eq!(verdict, Verdict::Pass);
        }
        messages
    }

    #[test]
    fn messages_are_found_wherever_the_bytes_are_cut() {
        let long = "ä".repeat(40_000);
        let mut bytes = frame(0x81, Some([1, 2, 3, 4]), b"hello");
        bytes.extend(frame(0x81, None, &[b'x'; 300]));
        bytes.extend(frame(0x81, Some([9, 8, 7, 6]), long.as_bytes()));
        bytes.extend(frame(0x81, None, b""));
        for piece in [1, 2, 3, 7, 1_000, bytes.len()] {
            assert_eq!(read(&bytes, piece), ["hello", &"x".repeat(300), &long, ""], "{piece}");
        }
    }

    #[test]
    fn fragments_are_joined_and_control_frames_stand_between_them() {
        let mut bytes = frame(0x01, Some([5, 5, 5, 5]), b"one ");
        bytes.extend(frame(0x89, Some([1, 1, 1, 1]), b"ping"));
        bytes.extend(frame(0x00, Some([6, 6, 6, 6]), b"two "));
        bytes.extend(frame(0x80, Some([7, 7, 7, 7]), b"three"));
        bytes.extend(frame(0x88, None, &[3, 232]));
        assert_eq!(read(&bytes, 3), ["one two three", "close Some(1000)"]);
    }

    #[test]
    fn binary_messages_pass_unseen_and_what_follows_is_read_however_long() {
        let long = "x".repeat(16 << 20);
        let mut bytes = frame(0x82, None, b"\x00\x01");
        bytes.extend(frame(0x81, Some([1, 2, 3, 4]), long.as_bytes()));
        bytes.extend(frame(0x02, None, b"half"));
        bytes.extend(frame(0x80, None, b"text?"));
        bytes.extend(frame(0x81, None, b"small"));
        assert!(read(&bytes, 8 << 10) == [&long, "small"]);
    }

    #[test]
    fn a_close_tells_its_code() {
        for (payload, told) in
            [(&[0x0F, 0xA3, b'n', b'o'][..], "close Some(4003)"), (&[1], "close None"), (&[], "close None")]
        {
            for piece in [1, 100] {
                assert_eq!(read(&frame(0x88, Some([9, 8, 7, 6]), payload), piece), [told]);
                assert_eq!(read(&frame(0x88, None, payload), piece), [told]);
            }
        }
    }

    #[test]
    fn whoever_hears_may_stop_it() {
        let bytes =
            [frame(0x81, None, b"good"), frame(0x81, None, b"bad"), frame(0x81, None, b"never")].concat();
        let mut heard = Vec::new();
        let verdict = FrameReader::default().feed(&bytes, &mut |piece| {
            if let Piece::Text(text) = piece {
                heard.push(text.to_vec());
            }
            if heard.len() == 2 { Verdict::Stop } else { Verdict::Pass }
        });
        assert_eq!((verdict, heard), (Verdict::Stop, vec![b"good".to_vec(), b"bad".to_vec()]));
    }

    #[test]
    fn what_is_no_frame_ends_the_reading() {
        let mut bytes = frame(0xC1, None, b"compressed");
        bytes.extend(frame(0x81, None, b"after"));
        assert_eq!(read(&bytes, 5), [""; 0]);
    }
}
