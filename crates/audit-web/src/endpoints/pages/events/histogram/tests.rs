use super::*;

#[test]
fn bars_stand_on_each_other_and_the_tallest_fills_the_picture() {
    let counts = [[1, 0, 0, 0, 0, 3], [0, 0, 0, 0, 0, 2]];
    assert_eq!(outline(0, &counts, 4), "M60.0 100.0v-25.0h380.0v25.0z");
    assert_eq!(outline(5, &counts, 4), "M60.0 75.0v-75.0h380.0v75.0zM560.0 100.0v-50.0h380.0v50.0z");
    assert_eq!(outline(1, &counts, 4), "");
}
