//! The library's pictures and its table in the README, made from the variants themselves.
//!
//! Both are committed; where they no longer say what the variants do, these tests fail. To write
//! them anew:
//!
//! ```sh
//! TILEWRIGHT_WRITE_DOCS=1 cargo test --release --workspace --test language -- pictures
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use tilewright::language::{RegisteredVariant, registered};
use tilewright::picture::Picture;
use tilewright::prelude::*;

/// Where the variants of the library are registered.
const LIBRARY: &str = "tilewright::variants::";
/// Around the table in the README.
const MARKS: [&str; 2] = ["<!-- variants: made by the test `pictures` -->\n", "<!-- end -->\n"];

fn library() -> impl Iterator<Item = &'static RegisteredVariant> {
    registered().filter(|variant| variant.module.starts_with(LIBRARY))
}

/// What is drawn of each variant: parameters that show it well, and positions.
fn subjects() -> Vec<(&'static str, AnyVariant, usize)> {
    let table = |shape: &[usize], value: &dyn Fn(usize) -> f32| {
        let len = shape.iter().product();
        Table::new(shape, (0..len).map(value).collect()).expect("it fits")
    };
    let wave = |i: usize| (i as f32 * 0.7).sin() + (i as f32 * 0.23).cos();
    let cells = |i: usize| ((i / 32) as f32 * 0.4).sin() * ((i % 32) as f32 * 0.3).cos();
    vec![
        ("alibi", alibi(8).into(), 32),
        ("blocked", blocked(8).into(), 48),
        ("causal", causal().into(), 48),
        ("dense_bias", dense_bias(table(&[1, 1, 32, 32], &cells)).into(), 32),
        ("dilated", dilated(4).into(), 48),
        ("distance_decay", distance_decay(6.0).into(), 32),
        ("document", packed(&[0, 9, 14, 33, 48]).expect("they rise").into(), 48),
        ("dropout", dropout(0.25, 7).into(), 32),
        ("global_local", global_local(5, 4).into(), 48),
        ("learned_distance_decay", learned_distance_decay(table(&[1], &|_| -3.5)).into(), 32),
        ("neighbourhood_1d", neighbourhood_1d(13).into(), 48),
        ("neighbourhood_2d", neighbourhood_2d(6, 8, 3).into(), 48),
        ("per_head_scale", per_head_scale(table(&[1], &|_| 0.5)).into(), 48),
        ("prefix_lm", prefix_lm(12).into(), 48),
        ("random_blocks", random_blocks(4, 2, 1, 2, 7).into(), 48),
        ("relative_bias", relative_bias(table(&[1, 63], &wave)).into(), 32),
        ("sliding_window", sliding_window(8).into(), 48),
        ("softcap", softcap(2.0).into(), 48),
        ("softmax", softmax().into(), 48),
        ("strided", strided(8).into(), 48),
        ("t5_buckets", t5_buckets(table(&[1, 16], &wave), 16, 30).into(), 32),
        ("temperature", temperature(1.5).into(), 48),
    ]
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn picture_of(name: &str) -> PathBuf {
    home().join("docs/variants").join(format!("{name}.svg"))
}

/// Asserts that a committed file has this text, or writes it where that is asked for.
fn assert_committed(path: &Path, text: &str) {
    let mut committed = fs::read_to_string(path).unwrap_or_default();
    if committed != text && std::env::var_os("TILEWRIGHT_WRITE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of the docs");
        fs::write(path, text).expect("a file of the docs");
        text.clone_into(&mut committed);
    }
    assert!(
        committed == text,
        "{} is not what the variants say; write it anew with TILEWRIGHT_WRITE_DOCS=1",
        path.display()
    );
}

/// Variants of which no picture of scores and weights shows anything.
const WITHOUT_PICTURE: [&str; 6] =
    ["attention_sink", "output_gate", "qk_norm", "rope", "rope_neighbours", "sigmoid_attention"];

#[test]
fn every_variant_of_the_library_has_its_picture() {
    let subjects = subjects();
    let drawn: Vec<&str> = subjects.iter().map(|(name, ..)| *name).collect();
    let names = library().map(|variant| variant.name);
    assert_eq!(drawn, names.filter(|name| !WITHOUT_PICTURE.contains(name)).collect::<Vec<_>>());
    for (name, variant, size) in subjects {
        assert!(variant.describe().starts_with(name));
        let svg = Picture::new(&variant, 0, size, size).to_svg();
        assert!(svg.len() < 12_000, "{name}: {} bytes", svg.len());
        assert!(!svg.contains("\n\n"), "{name}: a blank line ends it in Markdown");
        assert_committed(&picture_of(name), &svg);
    }
}

#[test]
fn every_picture_stands_in_the_docs_of_its_variant() {
    let files = fs::read_dir(home().join("docs/variants")).expect("the pictures' folder");
    for file in files {
        let path = file.expect("a file").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(library().any(|variant| variant.name == name), "{name}.svg is of no variant");
        let source = home().join("src/variants").join(format!("{name}.rs"));
        let source = fs::read_to_string(source).expect("a variant's source");
        let included = format!("#[doc = include_str!(\"../../docs/variants/{name}.svg\")]");
        assert!(source.contains(&included), "{name}.rs does not show its picture");
    }
}

/// The first paragraph of a doc comment, in one line.
fn summary(variant: &RegisteredVariant) -> String {
    let lines: Vec<&str> = variant.doc.lines().take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}

#[test]
fn the_readme_lists_the_library() {
    let path = home().join("README.md");
    let readme = fs::read_to_string(&path).expect("the README");
    let [before, rest] = split(&readme, MARKS[0]);
    let [_, after] = split(rest, MARKS[1]);
    let mut table = String::from("\n| | variant | |\n|---|---|---|\n");
    for variant in library() {
        let summary = summary(variant);
        assert!(!summary.contains("crate::"), "{}: a link that only rustdoc knows", variant.name);
        assert!(!summary.contains('|'), "{}: a bar ends a cell of the table", variant.name);
        let (name, signature) = (variant.name, variant.signature());
        let picture = match WITHOUT_PICTURE.contains(&name) {
            true => String::new(),
            false => {
                format!("<img src=\"docs/variants/{name}.svg\" alt=\"{name}\" width=\"120\">")
            }
        };
        table += &format!("| {picture} | [`{signature}`](src/variants/{name}.rs) | {summary} |\n");
    }
    assert_committed(&path, &format!("{before}{}{table}\n{}{after}", MARKS[0], MARKS[1]));
}

fn split<'a>(text: &'a str, mark: &str) -> [&'a str; 2] {
    let (before, after) = text.split_once(mark).expect("the README has its marks");
    [before, after]
}

#[test]
fn pictures_in_the_terminal() {
    let drawn = |variant: AnyVariant, queries, keys| Picture::new(&variant, 0, queries, keys);
    assert_eq!(drawn(sliding_window(2).into(), 3, 4).to_string(), "██▄ \n ▀▀▀\n");
    // What grows towards the query is darker there.
    let alibi = drawn(alibi(1).into(), 4, 4).to_string();
    assert_eq!(alibi.lines().count(), 2);
    assert!(alibi.starts_with('▓') || alibi.starts_with('█'), "{alibi}");
    // A curve for what treats all positions alike: the identity rises to the right.
    assert_eq!(drawn(temperature(1.0).into(), 4, 4).to_string(), "  ▄▀\n▄▀  \n");
    assert!(drawn(temperature(9.0).into(), 4, 4).to_svg().contains("new scores over scores"));
    assert_eq!(drawn(causal().into(), 0, 0).to_string(), "");
    let svg = drawn(causal().into(), 2, 2).to_svg();
    assert!(svg.contains("d=\"M0 0.5h1M0 1.5h2\""), "{svg}");
}
