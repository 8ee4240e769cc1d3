use super::*;
use crate::columns::{ABSENT, CodeColumn};
use crate::rows::Rows as _;
use audit_event::{EncodeParams, Encoder, Entry, Timestamp};

const SIZE: Size = Size { partition_rows: 10, page_rows: 4 };

/// The entry of an event with this id and target name.
fn entry(id: &str, target: &str) -> Vec<u8> {
    let recorded_at = Timestamp::from_micros(1_795_176_000_000_000);
    let mut encoder = Encoder::new(EncodeParams { seed: [1; 16], recorded_at, instance: None });
    let json = format!(
        r#"{{"id":"{id}","action":"file.uploaded","source":"api","org":{{"groups":["a \"b\"","c"]}},
            "target":{{"name":"{target}"}},"targets":[{{"id":"t1","name":"One"}},{{"type":"file"}}],
            "message":"uploaded {target} at last"}}"#
    );
    encoder.encode_json(json.as_bytes()).expect("a valid event").bytes
}

fn append(chunk: &mut Chunk, index: u64, target: &str) {
    let bytes = entry(&format!("id-{index}"), target);
    let entry = Entry::decode(&bytes).expect("an entry");
    chunk.append(index, &Fields::decode(&entry).expect("an event"));
}

fn blocks(view: &ChunkView) -> Vec<(u64, usize)> {
    view.blocks.iter().map(|block| (block.first_index(), block.rows())).collect()
}

#[test]
fn a_view_does_not_change_when_rows_are_appended() {
    let mut chunk = Chunk::new(100, SIZE);
    (100..106).for_each(|index| append(&mut chunk, index, "plan"));
    let view = chunk.view();
    (106..110).for_each(|index| append(&mut chunk, index, "sketch"));
    assert_eq!(blocks(&view), [(100, 4), (104, 2)]);
    assert_eq!((view.first, view.end), (100, 106));
    assert!(chunk.is_full());
    assert_eq!(blocks(&chunk.finish()), [(100, 4), (104, 4), (108, 2)]);
}

#[test]
fn an_entry_without_a_row_ends_the_block_before_it() {
    let mut chunk = Chunk::new(0, SIZE);
    append(&mut chunk, 0, "plan");
    chunk.skip(1);
    chunk.skip(2);
    append(&mut chunk, 3, "plan");
    chunk.skip(4);
    assert_eq!((chunk.rows(), chunk.range()), (2, 0..5));
    assert_eq!(blocks(&chunk.finish()), [(0, 1), (3, 1)]);
}

#[test]
fn a_chunk_of_many_gaps_is_full_when_its_blocks_are() {
    let mut chunk = Chunk::new(0, Size { partition_rows: 256, page_rows: 4 });
    let mut index = 0;
    while !chunk.is_full() {
        append(&mut chunk, index, "plan");
        index += if chunk.view.blocks.len() + 1 < MAX_BLOCKS { 2 } else { 1 };
    }
    assert_eq!(chunk.finish().blocks.len(), MAX_BLOCKS);
}

#[test]
fn words_are_known_by_page_and_by_column() {
    let mut chunk = Chunk::new(0, SIZE);
    (0..4).for_each(|index| append(&mut chunk, index, "plan"));
    (4..10).for_each(|index| append(&mut chunk, index, "Sketch"));
    let view = chunk.finish();
    assert_eq!(view.pages_with_word("sketch").expect("in memory"), 0b110);
    assert_eq!(view.pages_with_word("uploaded").expect("in memory"), 0b111);
    assert_eq!(view.pages_with_word("absent").expect("in memory"), 0);
    let may_have = |column, word| view.may_have_word(column, word).expect("in memory");
    assert!(may_have(CodeColumn::TargetName, "sketch") && !may_have(CodeColumn::TargetName, "uploaded"));
    assert!(may_have(CodeColumn::Targets, "one"));
}

#[test]
fn ids_are_found_in_full_and_in_open_blocks() {
    let mut chunk = Chunk::new(0, SIZE);
    (0..6).for_each(|index| append(&mut chunk, index, "plan"));
    let view = chunk.view();
    assert!((0..6).all(|index| view.contains_id(&format!("id-{index}"))));
    assert!(!view.contains_id("id-6"));
    (6..10).for_each(|index| append(&mut chunk, index, "plan"));
    assert!(chunk.finish().contains_id("id-9"));
}

#[test]
fn lists_come_back_from_their_codes() {
    let mut chunk = Chunk::new(0, SIZE);
    append(&mut chunk, 0, "plan");
    let view = chunk.view();
    let value = |column: CodeColumn| {
        let code = view.blocks[0].codes[column as usize].get(0);
        view.vocabulary.read().dictionary(column).value(code).map(str::to_owned)
    };
    assert_eq!(read_groups(&value(CodeColumn::Groups).expect("present")), ["a \"b\"", "c"]);
    let targets = value(CodeColumn::Targets).expect("present");
    let names: Vec<_> = read_targets(&targets).into_iter().map(|target| (target.id, target.name)).collect();
    assert_eq!(names, [(Some("t1".into()), Some("One".into())), (None, None)]);
    assert_eq!(view.blocks[0].codes[CodeColumn::Reason as usize].get(0), ABSENT);
}

#[test]
fn sizes_stay_within_what_is_possible() {
    let size = Size::nearest(10_000_000, 1_000_000);
    assert_eq!((size.partition_rows, size.page_rows), (262_144, 4_096));
    let size = Size::nearest(0, 0);
    assert_eq!((size.partition_rows, size.page_rows), (1, 1));
}
