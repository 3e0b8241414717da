//! Requests as a JVM writes them fastest: in the UTF-16 of its strings.
//!
//! The fields are those of a packed request, in its order, but every number is one code unit, and a string is
//! the number of its code units, then these. A principal may also be 2 and nothing else: the impersonator's name.

use std::mem;

use super::{WireError, is_chained, path_of};
use crate::engine::Request;
use crate::name::Name;

/// The longest request in this form, in code units.
pub const MOST_UNITS: usize = 192;

/// What a code unit takes at the most in UTF-8.
const MOST_BYTES: usize = 3;

/// Memory for the texts of a request in UTF-8.
pub struct Room {
    ascii: [u8; MOST_UNITS],
    other: Vec<u8>,
}

impl Default for Room {
    fn default() -> Self {
        Room {
            ascii: [0; MOST_UNITS],
            other: Vec::new(),
        }
    }
}

/// Reads a request whose texts get their UTF-8 in `room`. A lone surrogate becomes what no UTF-8 has: the name
/// it is in is never valid.
///
/// # Errors
///
/// The code units end within a field or are left over, a number has a value that it cannot have, or there are
/// more code units than [`MOST_UNITS`].
pub fn read_units<'a>(units: &[u16], room: &'a mut Room) -> Result<Request<'a>, WireError> {
    if units.len() > MOST_UNITS {
        return Err(WireError::LeftOver(units.len() - MOST_UNITS));
    }
    let Room { ascii, other } = room;
    let ascii = &mut ascii[..units.len()];
    // Nearly every text is ASCII and shorter than 128. Then so is the whole request, its numbers included, and what
    // has to be done with every character is done once for all texts.
    let ascii = if write_ascii(units, ascii) {
        str::from_utf8(ascii).ok()
    } else {
        other.resize(MOST_BYTES * units.len(), 0);
        None
    };
    let mut reader = Reader {
        units,
        position: 0,
        ascii,
        room: other,
    };
    // An error is made where it is returned: a name that comes in one value with it is copied around more slowly than
    // it is read.
    const TRUNCATED: WireError = WireError::Truncated;
    let path = path_of(reader.unit().ok_or(TRUNCATED)?)?;
    let chained = is_chained(reader.unit().ok_or(TRUNCATED)?)?;
    let impersonator = reader.name().ok_or(TRUNCATED)?;
    let target = reader.name().ok_or(TRUNCATED)?;
    let principal = match reader.unit().ok_or(TRUNCATED)? {
        0 => None,
        1 => Some(reader.name().ok_or(TRUNCATED)?),
        2 => Some(impersonator.clone()),
        _ => return Err(WireError::UnknownValue("principal")),
    };
    let query_id = match reader.unit().ok_or(TRUNCATED)? {
        0 => None,
        1 => Some(reader.name().ok_or(TRUNCATED)?.into_text()),
        _ => return Err(WireError::UnknownValue("query id")),
    };
    match units.len() - reader.position {
        0 => Ok(Request {
            impersonator,
            target,
            principal,
            chained,
            path,
            query_id,
        }),
        left => Err(WireError::LeftOver(left)),
    }
}

struct Reader<'u, 'a> {
    units: &'u [u16],
    position: usize,
    /// All units as characters, if all are ASCII.
    ascii: Option<&'a str>,
    room: &'a mut [u8],
}

impl<'a> Reader<'_, 'a> {
    fn unit(&mut self) -> Option<u16> {
        let unit = *self.units.get(self.position)?;
        self.position += 1;
        Some(unit)
    }

    #[inline(always)]
    fn name(&mut self) -> Option<Name<'a>> {
        let length = usize::from(self.unit()?);
        let place = self.position..self.position + length;
        let text = self.units.get(place.clone())?;
        self.position = place.end;
        Some(match self.ascii {
            Some(ascii) => Name::from(&ascii[place]),
            None => Name::from_bytes(self.characters(text)),
        })
    }

    fn characters(&mut self, text: &[u16]) -> &'a [u8] {
        let length = text.len();
        let size = if write_ascii(text, &mut self.room[..length]) {
            length
        } else {
            write_characters(text, self.room)
        };
        let (bytes, room) = mem::take(&mut self.room).split_at_mut(size);
        self.room = room;
        bytes
    }
}

/// Whether the text is ASCII, as which it is written. Eight units are taken at a time, without a way out between
/// them; the last eight stand for what is left over, so that some are written twice.
fn write_ascii(text: &[u16], bytes: &mut [u8]) -> bool {
    const STEP: usize = 8;
    let write = |text: &[u16], bytes: &mut [u8]| {
        for (byte, unit) in bytes.iter_mut().zip(text) {
            *byte = *unit as u8;
        }
        text.iter().fold(0, |all, unit| all | unit)
    };
    let seen = match (text.last_chunk::<STEP>(), bytes.last_chunk_mut::<STEP>()) {
        (Some(last), Some(last_bytes)) => {
            let seen = write(last, last_bytes);
            let (parts, _) = text.as_chunks::<STEP>();
            let (parts_of_bytes, _) = bytes.as_chunks_mut::<STEP>();
            let both = parts.iter().zip(parts_of_bytes);
            both.fold(seen, |seen, (part, bytes)| seen | write(part, bytes))
        }
        _ => write(text, bytes),
    };
    seen < 0x80
}

/// Returns how many bytes it has written.
fn write_characters(text: &[u16], bytes: &mut [u8]) -> usize {
    let mut size = 0;
    let mut append = |character: &[u8]| {
        bytes[size..][..character.len()].copy_from_slice(character);
        size += character.len();
    };
    for character in char::decode_utf16(text.iter().copied()) {
        match character {
            Ok(character) => append(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let unit = lone.unpaired_surrogate();
                let low = |bits: u16| 0x80 | (bits & 0x3F) as u8;
                append(&[0xE0 | (unit >> 12) as u8, low(unit >> 6), low(unit)]);
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read_request;
    use proptest::prelude::*;

    fn units(fields: &[&[u16]]) -> Vec<u16> {
        fields.concat()
    }

    fn string(text: &[u16]) -> Vec<u16> {
        let mut string = vec![text.len() as u16];
        string.extend(text);
        string
    }

    /// As Java's `MessageWriter` packs it.
    fn packed(text: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for character in char::decode_utf16(text.iter().copied()) {
            let code = character.map_or_else(|lone| lone.unpaired_surrogate().into(), u32::from);
            let tail = |shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
            match code {
                0..0x80 => bytes.push(code as u8),
                0x80..0x800 => bytes.extend([0xC0 | (code >> 6) as u8, tail(0)]),
                0x800..0x1_0000 => bytes.extend([0xE0 | (code >> 12) as u8, tail(6), tail(0)]),
                _ => bytes.extend([0xF0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
            }
        }
        let mut string = (bytes.len() as u32).to_be_bytes().to_vec();
        string.append(&mut bytes);
        string
    }

    fn any_text() -> impl Strategy<Value = Vec<u16>> {
        let unit = prop_oneof![
            4 => 0x20..0x7F_u16,
            1 => any::<u16>(),
            1 => 0xD800..0xE000_u16,
        ];
        proptest::collection::vec(unit, 0..20)
    }

    proptest! {
        #[test]
        fn a_request_of_units_is_the_one_that_java_would_pack(
            names in [any_text(), any_text()],
            optional in [proptest::option::of(any_text()), proptest::option::of(any_text())],
            flags in [0..2_u8, 0..2_u8],
        ) {
            let mut wide: Vec<u16> = flags.map(u16::from).to_vec();
            let mut expected = flags.to_vec();
            for name in &names {
                wide.extend(string(name));
                expected.extend(packed(name));
            }
            for text in &optional {
                wide.push(text.is_some().into());
                expected.push(text.is_some().into());
                wide.extend(text.iter().flat_map(|text| string(text)));
                expected.extend(text.iter().flat_map(|text| packed(text)));
            }
            let mut room = Room::default();
            prop_assert_eq!(read_units(&wide, &mut room), read_request(&expected));
        }

        #[test]
        fn any_units_are_a_request_or_an_error(
            wide in proptest::collection::vec(prop_oneof![0..3_u16, any::<u16>()], 0..MOST_UNITS + 2),
        ) {
            if let Ok(request) = read_units(&wide, &mut Room::default()) {
                let strings = 2
                    + usize::from(request.principal.is_some())
                    + usize::from(request.query_id.is_some());
                prop_assert!(wide.len() >= 4 + strings);
            }
        }
    }

    #[test]
    fn a_principal_can_be_the_impersonators_name() {
        let name: Vec<u16> = "zoë".encode_utf16().collect();
        let request =
            |principal: &[u16]| units(&[&[0, 0], &string(&name), &string(&[98]), principal, &[0]]);
        let in_full = request(&units(&[&[1], &string(&name)]));
        let (mut room, mut other_room) = (Room::default(), Room::default());
        assert_eq!(
            read_units(&request(&[2]), &mut room),
            read_units(&in_full, &mut other_room)
        );
    }

    #[test]
    fn ascii_is_written_whatever_its_length_and_anything_else_is_seen_wherever_it_stands() {
        for length in 0..40 {
            let text: Vec<u16> = (0..length).map(|index| 0x40 + index % 0x3F).collect();
            let mut bytes = vec![0; text.len()];
            assert!(write_ascii(&text, &mut bytes));
            assert!(
                bytes
                    .iter()
                    .map(|byte| u16::from(*byte))
                    .eq(text.iter().copied())
            );
            for place in 0..text.len() {
                for unit in [0x80, 0x100, 0x141, 0xFF00] {
                    let mut other = text.clone();
                    other[place] = unit;
                    assert!(
                        !write_ascii(&other, &mut bytes),
                        "{unit} at {place} of {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_largest_request_has_room() {
        let three_bytes = vec![0x20AC; MOST_UNITS - 6];
        let largest = units(&[&[0, 0, 0], &string(&three_bytes), &[0, 0]]);
        assert_eq!(largest.len(), MOST_UNITS);
        assert_eq!(
            read_units(&largest, &mut Room::default())
                .unwrap()
                .target
                .as_str(),
            "€".repeat(MOST_UNITS - 6)
        );

        let larger = vec![0; MOST_UNITS + 1];
        assert_eq!(
            read_units(&larger, &mut Room::default()),
            Err(WireError::LeftOver(1))
        );
    }

    #[test]
    fn units_that_are_no_request_are_refused() {
        let whole = units(&[&[0, 0], &string(&[97]), &string(&[98]), &[0, 0]]);
        assert!(read_units(&whole, &mut Room::default()).is_ok());
        for length in 0..whole.len() {
            assert_eq!(
                read_units(&whole[..length], &mut Room::default()),
                Err(WireError::Truncated)
            );
        }
        let more = units(&[&whole, &[0]]);
        assert_eq!(
            read_units(&more, &mut Room::default()),
            Err(WireError::LeftOver(1))
        );
        for (index, field) in [(0, "path"), (1, "flags"), (6, "principal"), (7, "query id")] {
            for value in [3, 0x100, 0x101, 0x102, u16::MAX] {
                let mut other = whole.clone();
                other[index] = value;
                assert_eq!(
                    read_units(&other, &mut Room::default()),
                    Err(WireError::UnknownValue(field))
                );
            }
        }
    }
}
