//! WebSocket frames (RFC 6455) as they pass: whole text messages, within bounds.
//!
//! The reader only looks; what it cannot follow, it lets pass unseen. Between messages it holds no memory.

/// Messages longer than this are not looked at.
const MAX_MESSAGE: usize = 256 << 10;

/// Control frames (close, ping, pong) have this bit in their opcode and may stand between the fragments of a message.
const CONTROL: u8 = 0x8;

/// Finds the messages in one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    state: State,
    /// Whether the message in hand is text; its fragments say no more than "continuation".
    is_text: bool,
    /// The message so far; stays empty while it is not of interest.
    message: Vec<u8>,
    /// The message in hand has grown too long or is not text: wait for its end.
    is_skipped: bool,
    /// Nobody wants the messages.
    never_keeps: bool,
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
    /// Looks at bytes that passed; `on_text` gets every text message that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], on_text: &mut dyn FnMut(&[u8])) {
        while !bytes.is_empty() && !self.is_lost {
            bytes = match &mut self.state {
                State::Head { .. } => self.feed_head(bytes, on_text),
                State::Payload { .. } => self.feed_payload(bytes, on_text),
            };
        }
    }

    /// Follows the frames without keeping anything.
    pub fn skip(&mut self, bytes: &[u8]) {
        self.never_keeps = true;
        self.feed(bytes, &mut |_| {});
    }

    /// Whether the bytes so far end where a frame ends.
    pub fn is_between_frames(&self) -> bool {
        !self.is_lost && matches!(self.state, State::Head { have: 0, .. })
    }

    fn feed_head<'b>(&mut self, bytes: &'b [u8], on_text: &mut dyn FnMut(&[u8])) -> &'b [u8] {
        let State::Head { bytes: head, have } = &mut self.state else { return bytes };
        let needed = head_length(&head[..*have]);
        let taken = (needed - *have).min(bytes.len());
        head[*have..*have + taken].copy_from_slice(&bytes[..taken]);
        *have += taken;
        if *have == head_length(&head[..*have]) && *have >= 2 {
            match Frame::decode(&head[..*have]) {
                Some(frame) => self.begin(frame, on_text),
                None => self.lose(),
            }
        }
        &bytes[taken..]
    }

    fn begin(&mut self, frame: Frame, on_text: &mut dyn FnMut(&[u8])) {
        let is_control = frame.opcode & CONTROL != 0;
        if !is_control && frame.opcode != 0 {
            self.is_text = frame.opcode == 1;
            self.is_skipped = !self.is_text || self.never_keeps;
            self.message = Vec::new();
        }
        self.state = State::Payload { frame, left: frame.length, seen: 0 };
        if frame.length == 0 {
            self.end(frame, on_text);
        }
    }

    fn feed_payload<'b>(&mut self, bytes: &'b [u8], on_text: &mut dyn FnMut(&[u8])) -> &'b [u8] {
        let State::Payload { frame, left, seen } = &mut self.state else { return bytes };
        let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        let (piece, rest) = bytes.split_at(taken);
        let is_kept = frame.opcode & CONTROL == 0 && !self.is_skipped;
        if is_kept && self.message.len() + taken > MAX_MESSAGE {
            self.is_skipped = true;
            self.message = Vec::new();
        } else if is_kept {
            match frame.mask {
                None => self.message.extend_from_slice(piece),
                Some(mask) => {
                    let key = mask.iter().cycle().skip(*seen % 4);
                    self.message.extend(piece.iter().zip(key).map(|(byte, key)| byte ^ key));
                }
            }
        }
        *seen = (*seen + taken) % 4;
        *left -= taken as u64;
        if *left == 0 {
            let frame = *frame;
            self.end(frame, on_text);
        }
        rest
    }

    fn end(&mut self, frame: Frame, on_text: &mut dyn FnMut(&[u8])) {
        self.state = State::default();
        if frame.opcode & CONTROL != 0 || !frame.is_final {
            return;
        }
        let message = std::mem::take(&mut self.message);
        if self.is_text && !self.is_skipped {
            on_text(&message);
        }
        (self.is_text, self.is_skipped) = (false, false);
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
        let (mut reader, mut messages) = (FrameReader::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            reader.feed(piece, &mut |text| messages.push(String::from_utf8_lossy(text).into_owned()));
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
        assert_eq!(read(&bytes, 3), ["one two three"]);
    }

    #[test]
    fn binary_and_endless_messages_pass_unseen_and_what_follows_is_read() {
        let mut bytes = frame(0x82, None, b"\x00\x01");
        bytes.extend(frame(0x81, None, &vec![b'x'; MAX_MESSAGE + 1]));
        bytes.extend(frame(0x01, None, &vec![b'y'; MAX_MESSAGE]));
        bytes.extend(frame(0x80, None, b"y"));
        bytes.extend(frame(0x81, None, b"small"));
        assert_eq!(read(&bytes, 4_096), ["small"]);
    }

    #[test]
    fn what_is_no_frame_ends_the_reading() {
        let mut bytes = frame(0xC1, None, b"compressed");
        bytes.extend(frame(0x81, None, b"after"));
        assert_eq!(read(&bytes, 5), [""; 0]);
    }

    #[test]
    fn nothing_is_held_between_messages() {
        let mut reader = FrameReader::default();
        reader.feed(&frame(0x81, None, &[b'x'; 60_000]), &mut |_| {});
        assert_eq!(reader.message.capacity(), 0);
    }
}
