//! `autotune kernel`, on the CPU.

use crate::{autotune, failure, text};

#[test]
fn kernels_are_listed_and_their_tunings_measured() {
    let listed = text(&autotune(&["kernel"]).stdout);
    for signature in ["fused_softmax(x[", "linear_attention(q[b, h, n, d]", "bias: f32"] {
        assert!(listed.contains(signature), "{listed}");
    }
    let arguments = ["--device", "cpu", "--dtype", "f32", "--rounds", "2", "--verbose"];
    let shape = ["--shape", "b=2,h=2,n=9,m=9,d=4,e=4", "--scalar", "bias=-2.2"];
    let output = autotune(&[&["kernel", "sigmoid_attention"], &arguments[..], &shape].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(shown.contains("sigmoid_attention b=2 h=2 n=9 d=4 m=9 e=4 f32"), "{shown}");
    // Every tuning of one unit, and why the others are none for a CPU.
    assert_eq!(shown.lines().filter(|line| line.starts_with("rows=")).count(), 12, "{shown}");
    assert!(shown.contains("refused 36 such as") && shown.contains("on a CPU"), "{shown}");
}

#[test]
fn mistakes_are_named() {
    let unknown = failure(&["kernel", "fused_sofmax"]);
    assert!(unknown.contains("no kernel is called `fused_sofmax`; there are: fused_softmax"));
    let size = failure(&["kernel", "fused_softmax", "--shape", "width=3"]);
    assert!(size.contains("no size `width`; its sizes are batch, heads, rows, dim"), "{size}");
    let scalar = failure(&["kernel", "fused_softmax", "--scalar", "scale=3"]);
    assert!(scalar.contains("no scalar `scale`"), "{scalar}");
    assert!(failure(&["kernel", "fused_softmax", "--shape", "rows"]).contains("name=value"));
    let wide = ["kernel", "fused_softmax", "--device", "cpu", "--dtype", "f32"];
    let wide = failure(&[&wide[..], &["--shape", "rows=1,dim=2000000"]].concat());
    assert!(wide.contains("no tuning of fused_softmax works here"), "{wide}");
}
