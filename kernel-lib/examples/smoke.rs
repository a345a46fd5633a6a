use tilewright::conformance::{Level, Options, run};
fn main() {
    let (client, name) = tilewright::open_device(&std::env::args().nth(1).unwrap_or("cpu".into())).unwrap();
    println!("{name}");
    let mut o = Options::new(Level::Quick);
    o.filter = std::env::args().nth(2);
    let t = std::time::Instant::now();
    let report = run(&client, &o, |p| if t.elapsed().as_secs() % 5 == 0 { eprintln!("{p:?}") });
    println!("{report} {:?}", t.elapsed());
}
