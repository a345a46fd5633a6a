//! The guide in `docs`: every chapter is in its table of contents and tested, every picture is the
//! library's. `TILEWRIGHT_WRITE_DOCS=1` copies the pictures anew.

use std::fs;
use std::path::{Path, PathBuf};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn guide() -> PathBuf {
    home().join("../docs/guide")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The file names that end so, in order.
fn files(folder: &Path, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

/// What stands in round brackets after square ones and has this ending.
fn links<'a>(text: &'a str, ending: &str) -> Vec<&'a str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| target.ends_with(ending) && !target.contains("://")).collect()
}

#[test]
fn every_chapter_is_in_the_contents_and_tested() {
    let chapters: Vec<String> =
        files(&guide(), ".md").into_iter().filter(|name| name != "SUMMARY.md").collect();
    let summary = read(&guide().join("SUMMARY.md"));
    let mut listed = links(&summary, ".md");
    listed.sort_unstable();
    assert_eq!(listed, chapters);
    let tested = read(&home().join("src/guide.rs"));
    for chapter in &chapters {
        assert!(tested.contains(&format!("docs/guide/{chapter}")), "{chapter} is not in guide.rs");
    }
}

#[test]
fn links_lead_somewhere() {
    for chapter in files(&guide(), ".md") {
        let text = read(&guide().join(&chapter));
        for target in links(&text, ".md").into_iter().chain(links(&text, ".svg")) {
            assert!(guide().join(target).exists(), "{chapter}: {target}");
        }
    }
}

#[test]
fn pictures_are_the_librarys() {
    let folder = guide().join("pictures");
    for name in files(&folder, ".svg") {
        let drawn = read(&home().join("docs/variants").join(&name));
        if std::env::var_os("TILEWRIGHT_WRITE_DOCS").is_some() {
            fs::write(folder.join(&name), &drawn).expect("written");
        }
        assert_eq!(read(&folder.join(&name)), drawn, "{name} is old: set TILEWRIGHT_WRITE_DOCS=1");
    }
}
