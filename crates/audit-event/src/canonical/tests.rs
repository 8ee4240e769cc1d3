//! The published vectors of RFC 8785.

use super::*;

fn check(json: &str, canonical: &str) {
    let value = crate::parse::value(json.as_bytes()).expect("valid JSON");
    let mut out = Vec::new();
    write_value(&mut out, &value);
    assert_eq!(String::from_utf8(out).expect("UTF-8"), canonical);
}

/// Appendix B: IEEE double bits and their text.
#[test]
fn numbers_of_appendix_b() {
    let vectors: &[(u64, &str)] = &[
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, text) in vectors {
        let mut out = Vec::new();
        write_number(&mut out, f64::from_bits(*bits));
        assert_eq!(std::str::from_utf8(&out), Ok(*text), "{bits:#018x}");
    }
}

/// Section 3.2.3: keys sort by UTF-16 code units, so that U+1F600 comes before U+FB33.
#[test]
fn sorting_of_section_3_2_3() {
    check(
        r#"{
            "\u20ac": "Euro Sign",
            "\r": "Carriage Return",
            "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One",
            "\ud83d\ude00": "Emoji: Grinning Face",
            "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis"
        }"#,
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
         \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
         \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
    );
}

/// The example that sections 3.2.1 to 3.2.4 follow through.
#[test]
fn complete_example_of_section_3_2() {
    check(
        r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#,
        "{\"literals\":[null,true,false],\
         \"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
         \"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
    );
}

#[test]
fn every_control_character_has_its_escape() {
    let text: String = (0..0x21u8).map(char::from).collect();
    let mut out = Vec::new();
    write_string(&mut out, &text);
    let expected = "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\
                    \\u000e\\u000f\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\
                    \\u001a\\u001b\\u001c\\u001d\\u001e\\u001f \"";
    assert_eq!(std::str::from_utf8(&out), Ok(expected));
}

#[test]
fn the_eight_byte_scan_agrees_with_the_plain_one() {
    for special in [b'"', b'\\', 0x00, 0x1f, 0x0a] {
        for place in 0..24 {
            for filler in [b'a', 0x20, 0x7f, b'!', b'#', b']', b'['] {
                let mut bytes = vec![filler; 24];
                bytes[place] = special;
                assert_eq!(plain_len(&bytes, 0), place);
                assert_eq!(plain_len(&bytes, place + 1), 24);
            }
        }
    }
    let multibyte = "äöü€😀".repeat(5);
    assert_eq!(plain_len(multibyte.as_bytes(), 0), multibyte.len());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 2000,
        rng_seed: proptest::test_runner::RngSeed::Fixed(8785),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn every_double_is_read_back_exactly(bits in proptest::prelude::any::<u64>()) {
        let number = f64::from_bits(bits);
        if number.is_finite() {
            let mut text = Vec::new();
            write_number(&mut text, number);
            let read = crate::parse::value(&text).expect("a number");
            proptest::prop_assert_eq!(read, Json::Number(number));
        }
    }
}
