//! Downloads, from a server on this machine.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tilewright_datasets::fetch::{FetchOptions, Fetched, Request, fetch};
use tilewright_datasets::{Error, Result, catalog};

use crate::server::{Manner, Server};

/// 300,000 bytes that do not repeat in step with any buffer.
fn body() -> Vec<u8> {
    (0..300_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Place {
    folder: TempDir,
    request: Request,
}

impl Place {
    fn new(urls: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let request = Request {
            name: "toy".to_string(),
            urls: urls.to_vec(),
            sha256: vec![sum(&body())],
            file: folder.path().join("sub").join("toy.csv"),
        };
        Self { folder, request }
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("sub").join("toy.csv.part")
    }

    fn leave(&self, bytes: &[u8]) {
        fs::create_dir_all(self.part().parent().unwrap()).unwrap();
        fs::write(self.part(), bytes).unwrap();
    }

    fn fetch(&self) -> Result<Fetched> {
        self.fetch_with(&options())
    }

    fn fetch_with(&self, options: &FetchOptions) -> Result<Fetched> {
        fetch(&self.request, options, &mut |_, _| {})
    }

    /// The file is whole and nothing else lies beside it.
    fn assert_whole(&self) {
        assert!(fs::read(&self.request.file).unwrap() == body());
        assert!(!self.part().exists());
    }
}

fn options() -> FetchOptions {
    FetchOptions { pause: Duration::from_millis(1), ..FetchOptions::default() }
}

fn whole() -> Manner {
    Manner { body: body(), ranges: true, ..Manner::default() }
}

#[test]
fn a_whole_download_and_its_progress() {
    let server = Server::start(whole());
    let place = Place::new(&[server.url()]);
    let told = RefCell::new(Vec::new());
    let fetched = fetch(&place.request, &options(), &mut |done, total| {
        told.borrow_mut().push((done, total));
    })
    .unwrap();
    assert_eq!(fetched.sha256, sum(&body()));
    assert_eq!((fetched.bytes, fetched.verified, fetched.resumed_from), (300_000, true, 0));
    place.assert_whole();
    assert_eq!(told.borrow().first(), Some(&(0, Some(300_000))));
    assert_eq!(told.borrow().last(), Some(&(300_000, Some(300_000))));
    // Again: it is there, so nothing is asked for.
    let again = place.fetch().unwrap();
    assert_eq!((again.url, again.verified), (None, true));
    assert_eq!(server.requests(), [None]);
    let forced = place.fetch_with(&FetchOptions { force: true, ..options() }).unwrap();
    assert!(forced.url.is_some());
    assert_eq!(server.requests(), [None, None]);
}

#[test]
fn what_an_earlier_process_left_is_continued() {
    let server = Server::start(whole());
    let place = Place::new(&[server.url()]);
    place.leave(&body()[..123_456]);
    let fetched = place.fetch().unwrap();
    assert_eq!(fetched.resumed_from, 123_456);
    assert_eq!(server.requests(), [Some(123_456)]);
    place.assert_whole();
}

#[test]
fn a_part_that_is_whole_is_only_checked() {
    let server = Server::start(whole());
    let place = Place::new(&[server.url()]);
    place.leave(&body());
    assert_eq!(place.fetch().unwrap().resumed_from, 300_000);
    place.assert_whole();
}

#[test]
fn a_part_that_is_too_long_or_of_another_file_starts_over() {
    for left in [vec![0; 400_000], vec![0; 1000]] {
        let server = Server::start(whole());
        let place = Place::new(&[server.url()]);
        place.leave(&left);
        assert_eq!(
            place.fetch().unwrap().resumed_from,
            if left.len() > 300_000 { 400_000 } else { 0 }
        );
        assert_eq!(server.requests(), [Some(left.len() as u64), None]);
        place.assert_whole();
    }
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let server = Server::start(Manner { ranges: false, ..whole() });
    let place = Place::new(&[server.url()]);
    place.leave(&body()[..1000]);
    place.fetch().unwrap();
    assert_eq!(server.requests(), [Some(1000)]);
    place.assert_whole();
}

#[test]
fn a_connection_that_breaks_is_resumed() {
    let server = Server::start(Manner { break_after: vec![100_000, 50_000], ..whole() });
    let place = Place::new(&[server.url()]);
    place.fetch().unwrap();
    assert_eq!(server.requests(), [None, Some(100_000), Some(150_000)]);
    place.assert_whole();
}

#[test]
fn a_connection_that_keeps_breaking_leaves_its_part() {
    let server = Server::start(Manner { break_after: vec![70_000, 0, 0], ..whole() });
    let place = Place::new(&[server.url()]);
    let error = place.fetch_with(&FetchOptions { retries: 1, ..options() }).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("70000"), "{text}");
    assert!(text.contains("2 attempts") && text.contains("continues where it stopped"), "{text}");
    assert_eq!(fs::read(place.part()).unwrap(), body()[..70_000]);
    assert!(!place.request.file.exists());
    // The next run goes on from there.
    assert_eq!(place.fetch().unwrap().resumed_from, 70_000);
    assert_eq!(server.requests(), [None, Some(70_000), Some(70_000), Some(70_000)]);
    place.assert_whole();
}

#[test]
fn a_wrong_sum_keeps_nothing_and_says_both() {
    let server = Server::start(Manner { body: b"something else".to_vec(), ..whole() });
    let place = Place::new(&[server.url()]);
    let error = place.fetch().unwrap_err();
    assert!(matches!(error, Error::Checksum { .. }));
    let text = error.to_string();
    assert!(text.contains(&sum(&body())) && text.contains(&sum(b"something else")), "{text}");
    assert!(!place.request.file.exists() && !place.part().exists());
    let kept = place.fetch_with(&FetchOptions { accept_unverified: true, ..options() }).unwrap();
    assert!(!kept.verified);
    assert_eq!(fs::read(&place.request.file).unwrap(), b"something else");
}

#[test]
fn an_unknown_sum_is_unverified_and_never_continued() {
    let server = Server::start(whole());
    let mut place = Place::new(&[server.url()]);
    place.request.sha256.clear();
    place.leave(b"of some other day");
    let fetched = place.fetch().unwrap();
    assert!(!fetched.verified);
    assert_eq!(fetched.sha256, sum(&body()));
    assert_eq!(server.requests(), [None]);
    place.assert_whole();
}

#[test]
fn not_found_is_final_and_the_next_address_is_tried() {
    let gone = Server::start(Manner { refusals: vec!["404 Not Found"; 9], ..whole() });
    let place = Place::new(&[gone.url()]);
    let text = place.fetch().unwrap_err().to_string();
    assert!(text.contains("404 Not Found") && text.contains(&gone.url()), "{text}");
    assert!(text.contains("--url"), "{text}");
    assert_eq!(gone.requests().len(), 1);
    assert!(!place.part().exists());
    let good = Server::start(whole());
    let place = Place::new(&[gone.url(), good.url()]);
    assert_eq!(place.fetch().unwrap().url, Some(good.url()));
    place.assert_whole();
}

#[test]
fn a_busy_server_is_asked_again() {
    let refusals = vec!["503 Service Unavailable", "429 Too Many Requests"];
    let server = Server::start(Manner { refusals, ..whole() });
    let place = Place::new(&[server.url()]);
    place.fetch().unwrap();
    assert_eq!(server.requests().len(), 3);
    place.assert_whole();
}

#[test]
fn a_server_that_resumes_elsewhere_is_not_believed() {
    let server = Server::start(Manner { lies_about_range: true, ..whole() });
    let place = Place::new(&[server.url()]);
    place.leave(&body()[..1000]);
    place.fetch().unwrap();
    assert_eq!(server.requests(), [Some(1000), None]);
    place.assert_whole();
}

#[test]
fn nobody_there() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    drop(listener);
    let place = Place::new(&[url, "not an address".to_string()]);
    let error = place.fetch_with(&FetchOptions { retries: 1, ..options() }).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Download { .. }), "{text}");
    assert!(text.contains("(2 attempts)") && text.contains("not an address"), "{text}");
    assert!(text.contains("check the network"), "{text}");
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let server = Server::start(whole());
    let place = Place::new(&[server.url()]);
    place.leave(b"");
    let other = fs::File::options().write(true).open(place.part()).unwrap();
    other.try_lock().unwrap();
    assert!(matches!(place.fetch(), Err(Error::Busy { .. })));
    drop(other);
    place.fetch().unwrap();
    place.assert_whole();
}

#[test]
fn entries_become_requests() {
    let entry = catalog::find("ETTh1").unwrap();
    let request = Request::entry(entry, "data".as_ref(), None);
    assert_eq!(request.urls.len(), 2);
    assert!(request.file.ends_with("data/ETT-small/ETTh1.csv"));
    let request = Request::entry(entry, "data".as_ref(), Some("http://x/y"));
    assert_eq!(request.urls, ["http://x/y"]);
    assert_eq!(request.sha256, entry.sha256);
}
