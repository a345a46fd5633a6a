//! Pictures as SVG and PNG.

use std::path::Path;

use tilewright_patchtst::plot::{self, Bar, Bars, Curve, Forecast, Lines, Panel, Picture, Scale};

fn lines(scale: Scale) -> Lines {
    let curve = |name: &str, factor: f64| Curve {
        name: name.into(),
        points: (1..=40).map(|n| (f64::from(n), factor / f64::from(n))).collect(),
    };
    Lines {
        title: "A title".into(),
        x: ("a unit".into(), scale),
        y: "another unit".into(),
        curves: vec![curve("first", 1.0), curve("second", 2.0)],
        marks: vec![(10.0, "here".into())],
    }
}

fn bars() -> Bars {
    let bar = |compute: f64| {
        Some(Bar { parts: (compute, 0.2), percent: Some((1.0 / compute - 1.0) * 100.0) })
    };
    Bars {
        title: "Times".into(),
        x: "patch size".into(),
        y: "seconds".into(),
        parts: ("computing".into(), "waiting".into()),
        percent: "speed-up, %".into(),
        categories: vec!["12".into(), "24".into(), "48".into()],
        series: vec!["vanilla".into(), "tuned".into()],
        bars: vec![vec![bar(1.0), bar(1.0), bar(1.0)], vec![bar(0.5), None, bar(1.25)]],
    }
}

fn forecast() -> Forecast {
    let wave = |n: i32| (f64::from(n) * 0.3).sin();
    Forecast {
        heading: "A series".into(),
        panels: vec![Panel {
            title: "OT".into(),
            context: (0..60).map(wave).collect(),
            forecast: (60..80).map(wave).collect(),
            band: (60..80).map(|n| (wave(n) - 0.2, wave(n) + 0.2)).collect(),
            dates: (0..80).map(|n| format!("2024-01-{:02} 00:00:00", n % 28 + 1)).collect(),
            ..Panel::default()
        }],
    }
}

/// Width and height.
fn png(path: &Path) -> (u32, u32) {
    let bytes = std::fs::read(path).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

fn check(name: &str, picture: &impl Picture, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name).with_extension("svg");
    plot::save_both(picture, &path).unwrap();
    let svg = std::fs::read_to_string(&path).unwrap();
    for word in words {
        assert!(svg.contains(word), "{name}: {word} is not in {svg}");
    }
    let (width, height) = picture.size();
    assert_eq!(png(&path.with_extension("png")), (2 * width, 2 * height), "twice as sharp");
    // A white page compresses to a few hundred bytes; curves and letters do not.
    let size = std::fs::metadata(path.with_extension("png")).unwrap().len();
    assert!(size > 8000, "{name}: {size} bytes");
}

#[test]
fn every_picture_names_its_axes() {
    check("lines", &lines(Scale::Linear), &["A title", "a unit", "another unit", "second", "here"]);
    check("powers", &lines(Scale::Logarithmic), &["1e0", "1e1", "here"]);
    check("bars", &bars(), &["patch size", "seconds", "vanilla: computing", "speed-up, %", "48"]);
    check("forecast", &forecast(), &["its interval", "2024-01-", "date", "OT"]);
}

#[test]
fn empty_and_single_things_are_drawn_too() {
    let mut few = lines(Scale::Linear);
    few.curves.truncate(1);
    few.curves[0].points.truncate(1);
    check("one point", &few, &["first"]);
    few.curves[0].points = vec![(f64::NAN, 1.0), (1.0, f64::INFINITY)];
    few.marks = vec![(-1.0, "nowhere".into())];
    let folder = tempfile::tempdir().unwrap();
    plot::save(&few, &folder.path().join("none.png")).unwrap();
    let none = Forecast { heading: String::new(), panels: Vec::new() };
    plot::save(&none, &folder.path().join("none.svg")).unwrap();
    let error = plot::save(&none, &folder.path().join("none.jpg")).unwrap_err().to_string();
    assert!(error.contains(".svg or .png"), "{error}");
}
