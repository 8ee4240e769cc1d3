//! JSON with line breaks and indentation, and otherwise the text it was: what a reader's browser hashes is what they see.

/// Indents compact JSON. White space is put between its tokens; no token changes.
pub(super) fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut is_inside, mut is_escaped) = (0_usize, false, false);
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        if is_inside {
            text.push(c);
            is_inside = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            '{' | '[' => {
                text.push(c);
                if let Some(end) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    new_line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                new_line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            '"' => {
                text.push(c);
                is_inside = true;
            }
            _ => text.push(c),
        }
    }
    text
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_and_elements_have_lines_of_their_own() {
        let json = r#"{"a":[],"b":{"c":[1,"x, {\"y\\"]}}"#;
        let lines = indented(json);
        assert_eq!(
            lines,
            "{\n  \"a\": [],\n  \"b\": {\n    \"c\": [\n      1,\n      \"x, {\\\"y\\\\\"\n    ]\n  }\n}"
        );
    }

    proptest! {
        #[test]
        fn nothing_but_white_space_between_tokens_is_added(text in ".*", number in any::<i32>()) {
            let json = serde_json::json!({ "k": [text.clone(), { text: number }, {}] }).to_string();
            let value: serde_json::Value = serde_json::from_str(&indented(&json)).unwrap();
            prop_assert_eq!(value.to_string(), json);
        }
    }
}
