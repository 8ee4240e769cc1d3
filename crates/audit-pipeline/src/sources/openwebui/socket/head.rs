//! The part of a packet before its JSON, read as Python's `engineio` and `socketio` read it.
//!
//! Engine.IO's type and Socket.IO's, each a digit of any script (Python's `int` takes them all); then a number of
//! attachments and a dash; a namespace up to a comma; a number to acknowledge by; and JSON. None of these has a length
//! that is not read: an event behind a long address would be seen by Open WebUI alone.

/// What kind of packet it is, as far as one of them is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The client says who it is, or the server accepts it.
    Connect,
    Event,
    /// An event of which parts may come in frames of their own.
    BinaryEvent,
}

/// How far it is read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    place: Place,
    digit: Digit,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Engine.IO's type.
    #[default]
    Engine,
    /// Socket.IO's type.
    Socket,
    /// Attachments, or what comes after them.
    Attachments,
    Namespace,
    /// The number to acknowledge by.
    Number,
    /// Not looked at.
    Other,
}

/// What a byte of the head told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    Kind(Kind),
    /// The JSON begins with this byte.
    Json,
    /// Nothing of the packet is looked at.
    Other,
}

impl Head {
    /// The next byte.
    pub(super) fn feed(&mut self, byte: u8) -> Told {
        let digit_or_more = byte.is_ascii_digit() || !byte.is_ascii();
        self.place = match (self.place, byte) {
            (Place::Engine | Place::Socket, _) => return self.kind(byte),
            (Place::Attachments | Place::Number, b'[' | b'{') => return Told::Json,
            (Place::Attachments, b'/') => Place::Namespace,
            (Place::Attachments, b'-') => Place::Attachments,
            (Place::Namespace, b',') => Place::Number,
            (Place::Namespace, _) => Place::Namespace,
            (place @ (Place::Attachments | Place::Number), _) if digit_or_more => place,
            (Place::Attachments | Place::Number, b' ' | b'\t' | b'\r' | b'\n') => Place::Number,
            _ => Place::Other,
        };
        if self.place == Place::Other { Told::Other } else { Told::Nothing }
    }

    fn kind(&mut self, byte: u8) -> Told {
        let Some(digit) = self.digit.feed(byte) else { return Told::Nothing };
        let kind = match (self.place, digit) {
            (Place::Engine, Some(4)) => {
                self.place = Place::Socket;
                return Told::Nothing;
            }
            (Place::Socket, Some(0)) => Kind::Connect,
            (Place::Socket, Some(2)) => Kind::Event,
            (Place::Socket, Some(5)) => Kind::BinaryEvent,
            _ => {
                self.place = Place::Other;
                return Told::Other;
            }
        };
        self.place = Place::Attachments;
        Told::Kind(kind)
    }
}

/// One character of UTF-8, as a digit.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Digit {
    bytes: [u8; 4],
    have: u8,
}

impl Digit {
    /// The next byte; something when the character is whole, and in it its value when it is a digit.
    fn feed(&mut self, byte: u8) -> Option<Option<u8>> {
        let have = usize::from(self.have);
        self.bytes[have] = byte;
        self.have += 1;
        let bytes = &self.bytes[..=have];
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let value = text.chars().next().and_then(value);
                self.have = 0;
                Some(value)
            }
            Err(error) if error.error_len().is_none() => None,
            Err(_) => {
                self.have = 0;
                Some(None)
            }
        }
    }
}

/// The value of a decimal digit, of whatever script.
fn value(character: char) -> Option<u8> {
    let code = u32::from(character);
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
    u8::try_from(code - zero).ok().filter(|value| *value < 10)
}

/// The zeros of all scripts (Unicode 14, general category Nd); nine more digits follow each.
const ZEROS: [u32; 66] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30,
    0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0,
    0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind, and what is left when the JSON begins.
    fn read(packet: &str) -> (Option<Kind>, Option<&str>) {
        let (mut head, mut kind) = (Head::default(), None);
        for (at, byte) in packet.bytes().enumerate() {
            match head.feed(byte) {
                Told::Nothing => {}
                Told::Kind(told) => kind = Some(told),
                Told::Json => return (kind, Some(&packet[at..])),
                Told::Other => return (kind, None),
            }
        }
        (kind, None)
    }

    #[test]
    fn the_json_is_found_behind_any_address() {
        let long = "9".repeat(100);
        let namespace = format!("/?a={}", "b[{".repeat(1_000));
        for (head, kind) in [
            ("40".to_owned(), Kind::Connect),
            ("42".to_owned(), Kind::Event),
            ("4217".to_owned(), Kind::Event),
            (format!("42{long}"), Kind::Event),
            (format!("42{namespace},"), Kind::Event),
            (format!("42{namespace},{long}"), Kind::Event),
            ("451-".to_owned(), Kind::BinaryEvent),
            ("450-/a,7".to_owned(), Kind::BinaryEvent),
            ("427-/,7 \n".to_owned(), Kind::Event),
            ("\u{664}\u{ff12}\u{1d7d7}".to_owned(), Kind::Event),
        ] {
            assert_eq!(read(&format!("{head}[1]")), (Some(kind), Some("[1]")), "{head}");
        }
    }

    #[test]
    fn other_packets_are_left_alone() {
        for packet in ["", "4", "2probe[", "3[", "41[", "43[", "46[", "b[", "\u{e9}2[", "4\u{b2}["] {
            assert_eq!(read(packet), (None, None), "{packet}");
        }
        assert_eq!(read("42null"), (Some(Kind::Event), None));
        assert_eq!(read("42/[{"), (Some(Kind::Event), None), "a namespace without an end");
    }
}
