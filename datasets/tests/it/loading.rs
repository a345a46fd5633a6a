//! Batches: their order, their resumption, their threads.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tilewright_datasets::{Batch, Error, Loader, LoaderOptions, Windows};

const CONTEXT: usize = 4;
const HORIZON: usize = 2;

/// 100 windows of 2 channels, one out.
fn windows() -> Windows {
    let rows = 100 + CONTEXT + HORIZON - 1;
    let values: Arc<[f32]> = (0..rows * 2).map(|value| value as f32).collect();
    Windows::new(values, 2, Some(1), 0..rows, CONTEXT, HORIZON).unwrap()
}

fn loader(options: LoaderOptions) -> Loader {
    Loader::new(windows(), options).unwrap()
}

fn options(workers: usize) -> LoaderOptions {
    LoaderOptions { batch: 8, shuffle: Some(7), workers, ..LoaderOptions::default() }
}

fn all(loader: &Loader, epoch: u64, skip: usize) -> Vec<Batch> {
    loader.epoch(epoch).skip_batches(skip).map(Result::unwrap).collect()
}

#[test]
fn workers_do_not_change_what_is_read() {
    for shuffle in [None, Some(3)] {
        for drop_last in [false, true] {
            let make = |workers, prefetch| {
                let options = LoaderOptions { shuffle, drop_last, prefetch, ..options(workers) };
                loader(options)
            };
            let expected = all(&make(0, 1), 5, 0);
            assert_eq!(expected.len(), if drop_last { 12 } else { 13 });
            for workers in [1, 2, 4, 40] {
                for prefetch in [1, 3] {
                    assert_eq!(all(&make(workers, prefetch), 5, 0), expected);
                    for skip in [1, 5, 12, 13, 99] {
                        let rest = &expected[skip.min(expected.len())..];
                        assert_eq!(all(&make(workers, prefetch), 5, skip), rest);
                    }
                }
            }
        }
    }
}

#[test]
fn batches_hold_what_they_say() {
    for batch in all(&loader(options(2)), 1, 0) {
        assert_eq!(batch.starts.len(), batch.len);
        assert_eq!(batch.x.len(), batch.len * CONTEXT * 2);
        assert_eq!(batch.y.len(), batch.len * HORIZON);
        for (window, start) in batch.starts.iter().enumerate() {
            let first = batch.x[window * CONTEXT * 2];
            assert_eq!(first, (start * 2) as f32);
            let y = batch.y[window * HORIZON];
            assert_eq!(y, ((start + CONTEXT) * 2 + 1) as f32);
        }
    }
}

#[test]
fn every_window_once_and_each_epoch_in_its_own_order() {
    let loader = loader(options(0));
    assert_eq!((loader.batches(), loader.windows_used()), (13, 100));
    let starts = |epoch| -> Vec<usize> {
        all(&loader, epoch, 0).iter().flat_map(|batch| batch.starts.clone()).collect()
    };
    let first = starts(0);
    assert_eq!(first.iter().collect::<HashSet<_>>().len(), 100);
    assert_eq!(first, starts(0));
    assert_ne!(first, starts(1));
    assert_eq!(first, loader.order(0));
    // Pinned: runs that are resumed years later must read the same order.
    assert_eq!(first[..8], PINNED);
    let in_time = self::loader(LoaderOptions { shuffle: None, ..options(0) });
    assert!(in_time.order(3).into_iter().eq(0..100));
    let other = self::loader(LoaderOptions { shuffle: Some(8), ..options(0) });
    assert_ne!(other.order(0), loader.order(0));
}

/// First windows of seed 7, epoch 0.
const PINNED: [usize; 8] = [97, 74, 79, 52, 25, 91, 92, 35];

#[test]
fn the_last_batch_is_kept_unless_it_is_not_wanted() {
    let kept = all(&loader(options(0)), 0, 0);
    assert_eq!(kept.last().unwrap().len, 4);
    let dropping = loader(LoaderOptions { drop_last: true, ..options(0) });
    assert_eq!((dropping.batches(), dropping.windows_used()), (12, 96));
    assert_eq!(all(&dropping, 0, 0), kept[..12]);
}

#[test]
fn a_worker_that_panics_is_an_error_and_not_a_hang() {
    for workers in [0, 1, 3] {
        let loader = loader(options(workers)).with_transform(|batch| {
            assert!(batch.index != 4, "no fifth batch today");
        });
        let mut epoch = loader.epoch(2);
        for _ in 0..4 {
            assert!(epoch.next().unwrap().is_ok());
        }
        let error = epoch.next().unwrap().unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"a data worker failed at batch 4 of epoch 2: no fifth batch today");
        }
        assert!(epoch.next().is_none());
        assert!(epoch.next().is_none());
    }
}

#[test]
fn an_epoch_dropped_in_the_middle_ends_its_threads() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let many = LoaderOptions { batch: 2, ..options(4) };
    let loader = loader(many).with_transform(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let mut epoch = loader.epoch(0);
    epoch.next().unwrap().unwrap();
    drop(epoch);
    // Dropping waits for the threads, so nothing is made any more. Of 50 batches, one was read, and
    // each of 4 workers holds 2 ready and may have had one in its hands, and one more at the end.
    let count = made.load(Ordering::SeqCst);
    assert!(count <= 1 + 4 * 4, "{count}");
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(made.load(Ordering::SeqCst), count);
    // The windows' array is not held by threads that live on.
    let alive = Arc::new(AtomicUsize::new(1));
    let held = Counted(Arc::clone(&alive));
    let loader = loader.with_transform(move |_| {
        let _ = &held;
    });
    let mut epoch = loader.epoch(1);
    epoch.next().unwrap().unwrap();
    drop((epoch, loader));
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn waiting_is_measured() {
    let pause = Duration::from_millis(4);
    let slow = loader(LoaderOptions { batch: 25, ..options(0) })
        .with_transform(move |_| std::thread::sleep(pause));
    assert_eq!(slow.wait_seconds(), 0.0);
    let mut epoch = slow.epoch(0);
    assert_eq!(epoch.by_ref().count(), 4);
    assert!(epoch.wait_seconds() >= 4.0 * pause.as_secs_f64());
    assert!((slow.wait_seconds() - epoch.wait_seconds()).abs() < 1e-9);
    all(&slow, 1, 0);
    assert!(slow.wait_seconds() >= 8.0 * pause.as_secs_f64());
    // Workers ahead of their reader: work is not waiting. One reader's work is made much longer
    // than a batch's, so that a busy machine does not decide.
    let ahead = loader(LoaderOptions { batch: 25, workers: 2, ..options(0) })
        .with_transform(move |_| std::thread::sleep(pause));
    let began = Instant::now();
    for batch in ahead.epoch(0) {
        batch.unwrap();
        std::thread::sleep(10 * pause);
    }
    assert!(ahead.wait_seconds() < began.elapsed().as_secs_f64() / 2.0);
}

#[test]
fn options_that_make_no_sense() {
    for wrong in [
        LoaderOptions { batch: 0, ..options(0) },
        LoaderOptions { prefetch: 0, ..options(0) },
        LoaderOptions { workers: 5000, ..options(0) },
    ] {
        let error = Loader::new(windows(), wrong).unwrap_err();
        assert!(matches!(error, Error::BadSetting { .. }), "{error}");
    }
}

#[test]
fn nothing_to_read_is_no_batch() {
    let empty = Windows::new(vec![0.0; 4].into(), 1, None, 0..4, 4, 1).unwrap();
    let loader = Loader::new(empty, options(2)).unwrap();
    assert_eq!(loader.batches(), 0);
    assert_eq!(loader.epoch(0).count(), 0);
}
