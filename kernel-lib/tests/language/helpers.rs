//! Functions that functions call, and derivatives written by hand.

use tilewright::language::{LaunchParams, LaunchTarget, Variant, check_gradient, registered};
use tilewright::prelude::*;

use crate::constructs::AT;

/// A bump of height `height` and unit width around zero.
#[score_fn]
pub fn bump(x: f32, height: f32) -> f32 {
    height * (-x * x).exp()
}

/// Calls another function, returns early, and takes every kind of argument.
#[score_fn]
pub fn mixed(near: bool, x: f32, at: Position, shift: i32, steps: u32) -> f32 {
    if near {
        return bump(x, 0.5 + (at.key % 3) as f32);
    }
    let offset = (at.query as i32 - at.key as i32 + shift) as f32;
    x * offset.cos() + steps as f32
}

#[score_fn]
fn distance(at: Position) -> u32 {
    at.query.abs_diff(at.key)
}

#[score_fn]
fn signed(at: Position) -> i32 {
    at.query as i32 - at.key as i32
}

#[score_fn]
fn is_close(at: Position, window: u32) -> bool {
    distance(at) < window
}

mod inner {
    use tilewright::prelude::*;

    #[score_fn]
    pub fn scaled(x: f32, by: f32) -> f32 {
        // The name of a function of CubeCL, and of this module's twin below.
        select(x, by)
    }

    #[score_fn]
    pub fn select(x: f32, by: f32) -> f32 {
        x * by
    }
}

/// Calls by name and by path, from this module and from another crate's.
#[score_mod(example(0.7, 3), example(-1.5, 1))]
pub fn calls(score: f32, at: Position, height: f32, window: u32) -> f32 {
    let far: u32 = distance(at);
    let side: i32 = signed(at);
    let near: bool = is_close(at, window);
    let raised = bump(score * 0.3, height) + mixed(near, score, at, side, far);
    let gated = self::inner::scaled(raised, sigmoid(score)) + softplus(-score);
    if is_close(at, 2u32) && far > 0 { gated * 0.5 } else { gated }
}

#[mask_mod(example(3))]
pub fn near(at: Position, window: u32) -> bool {
    let far: u32 = distance(at);
    is_close(at, window) || far % 5 == 4
}

/// A closure in place of the derived derivative.
#[score_mod(
    example(3.0),
    example(0.5),
    grad = |score, cap| {
        let ratio = (score / cap).tanh();
        if cap < 0.0 {
            return 0.0;
        }
        1.0 - ratio * ratio
    }
)]
pub fn capped(score: f32, cap: f32) -> f32 {
    cap * (score / cap).tanh()
}

#[score_fn]
fn bent_grad(score: f32, at: Position, rate: f32) -> f32 {
    let far: u32 = distance(at);
    let t = rate * far as f32;
    t * (t * score).cos()
}

/// A function in place of the derived derivative.
#[score_mod(grad = bent_grad, example(0.3))]
pub fn bent(score: f32, at: Position, rate: f32) -> f32 {
    let far: u32 = distance(at);
    (score * (rate * far as f32)).sin()
}

#[test]
fn a_call_is_its_function() {
    let expected = |score: f64| {
        let x = score * f64::from(0.3f32);
        let bump = |x: f64, height: f64| height * (-x * x).exp();
        let near = 2 < 3;
        let mixed = if near { bump(score, 0.5 + 2.0) } else { 0.0 };
        let raised = bump(x, f64::from(0.7f32)) + mixed;
        let sigmoid = 1.0 / (1.0 + (-score).exp());
        raised * sigmoid + (-score).exp().ln_1p()
    };
    for score in [-5.0, -0.4, 0.0, 2.5] {
        let given = calls(0.7, 3).score(score, &AT);
        assert!((given - expected(score)).abs() < 1e-12, "{given} {}", expected(score));
    }
    // The function itself stays callable.
    assert_eq!(inner::select(2.0, 3.0), 6.0);
    assert_eq!(sigmoid(0.0), 0.5);
}

#[test]
fn the_logistic_function_has_a_derivative_everywhere() {
    #[score_mod]
    fn logistic(score: f32) -> f32 {
        sigmoid(score) + softplus(score)
    }
    for (score, slope) in [(-1e4, 0.0), (0.0, 0.25 + 0.5), (1e4, 1.0)] {
        assert!((logistic().score_grad(score, &AT) - slope).abs() < 1e-12, "{score}");
    }
}

#[test]
fn functions_inside_functions_call_each_other() {
    #[score_fn]
    fn double(x: f32) -> f32 {
        2.0 * x
    }
    #[score_mod]
    fn doubled(score: f32) -> f32 {
        double(score) * score
    }
    assert_eq!(doubled().score(3.0, &AT), 18.0);
    assert_eq!(doubled().score_grad(3.0, &AT), 12.0);
}

#[test]
fn a_callee_changes_the_hash_of_its_callers() {
    mod one {
        use tilewright::prelude::*;
        #[score_fn]
        fn helper(x: f32) -> f32 {
            x + 1.0
        }
        #[score_fn]
        fn between(x: f32) -> f32 {
            helper(x)
        }
        #[score_mod]
        pub fn caller(score: f32) -> f32 {
            between(score)
        }
    }
    mod two {
        use tilewright::prelude::*;
        #[score_fn]
        fn helper(x: f32) -> f32 {
            x + 2.0
        }
        #[score_fn]
        fn between(x: f32) -> f32 {
            helper(x)
        }
        #[score_mod]
        pub fn caller(score: f32) -> f32 {
            between(score)
        }
    }
    assert_ne!(one::caller().source_hash(), two::caller().source_hash());
}

#[test]
fn derivatives_written_by_hand_are_the_derived_ones() {
    let mut compared = Vec::new();
    for registered in registered() {
        for variant in registered.example_variants(&crate::SIZES) {
            check_gradient(&variant, 1e-6).unwrap_or_else(|error| panic!("{error}"));
            if variant.derived_grad(0.1, &AT).is_some() {
                compared.push(registered.name);
            }
        }
    }
    assert_eq!(compared, ["bent", "capped", "capped", "combined", "reaching"]);
}

#[test]
fn a_wrong_derivative_written_by_hand_is_found() {
    // Not registered: the test above looks at everything that is.
    #[derive(Clone, Debug)]
    struct Wrong(Capped);
    impl Variant for Wrong {
        type Device = <Capped as Variant>::Device;
        fn stages(&self) -> tilewright::language::Stages {
            self.0.stages()
        }
        fn launch_params(&self, target: LaunchTarget<'_>) -> LaunchParams<Self> {
            self.0.launch_params(target)
        }
        fn score(&self, score: f64, at: &Position) -> f64 {
            self.0.score(score, at)
        }
        fn score_grad(&self, score: f64, _: &Position) -> f64 {
            1.0 - (score / f64::from(self.0.cap)).tanh()
        }
        fn derived_grad(&self, score: f64, at: &Position) -> Option<f64> {
            self.0.derived_grad(score, at)
        }
        fn keep(&self, at: &Position) -> bool {
            self.0.keep(at)
        }
        fn describe(&self) -> String {
            "wrong".to_owned()
        }
        fn source_hash(&self) -> u64 {
            0
        }
    }
    let error = check_gradient(&Wrong(capped(3.0)).into(), 1e-6).unwrap_err();
    assert!(error.to_string().starts_with("wrong at score "), "{error}");
    assert!((error.by_hand - error.derived).abs() > 1e-6);
    // The composition compares the product.
    let composed = Wrong(capped(3.0)).and(softcap(2.0));
    assert!(check_gradient(&composed.into(), 1e-6).is_err());
}

#[test]
fn the_derivative_can_be_read() {
    assert_eq!(
        softcap(3.0).derivative(),
        "fn softcap_grad(score: f32, cap: f32) -> f32 {\n    let step = (score / cap).tanh();\n    \
         1.0 - step * step\n}\n"
    );
    let first = "pub fn softcap(score: f32, #[range(>0.0)] cap: f32) -> f32 {\n";
    assert!(softcap(3.0).source().starts_with(first));
    let calls = calls(0.7, 3);
    for helper in ["fn bump(", "fn mixed(", "fn sigmoid(", "fn select("] {
        assert_eq!(calls.source().matches(helper).count(), 1, "{helper}");
    }
    assert!(calls.derivative().contains("// `bump::derivative_1`: with respect to `height`."));
    assert!(capped(3.0).derivative().starts_with("// Written by hand.\nfn capped_grad("));
    assert!(capped(3.0).derivative().contains("// Derived, to compare with.\n"));
    assert_eq!(causal().derivative(), "");
    assert_eq!(causal().and(softcap(3.0)).derivative(), softcap(3.0).derivative());
}
