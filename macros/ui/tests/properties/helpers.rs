//! Functions that functions made at random call.

use std::collections::HashMap;

use crate::differentiate::differentiate;
use crate::ir::{Function, Input, Part, Type};
use crate::kind::Kind;
use crate::steps_of;

/// Their source texts. The result of each is `f32` where its name does not say otherwise.
pub const SOURCES: [&str; 4] = [
    "fn bump(x: f32, a: f32) -> f32 { if a > 2.0 { return x; } a * (-x * x).exp() }",
    "fn wave(x: f32, at: Position, n: u32) -> f32 { (x + (at.key + n) as f32 * 0.5).sin() }",
    "fn both(x: f32, y: f32) -> f32 { bump(x, 0.5) + x * y }",
    "fn count_u32(at: Position, k: i32) -> u32 { at.key.abs_diff(at.query) + k.abs() as u32 % 4 }",
];

/// Every function and derivative that a call may mean.
pub struct Helpers(HashMap<(String, Part), Function>);

impl Helpers {
    pub fn new() -> Helpers {
        let mut known = HashMap::new();
        for source in SOURCES {
            let (signature, function) = steps_of(Kind::Helper, source);
            let name = signature.name.to_string();
            for (place, parameter) in signature.parameters.iter().enumerate() {
                if parameter.ty == Type::F32 && signature.result == Type::F32 {
                    // Every helper here has its position after its `f32` arguments.
                    let part = Part::Derivative(place);
                    let derivative = differentiate(&function, &[Input::Parameter(place)]);
                    known.insert((name.clone(), part), derivative);
                }
            }
            known.insert((name, Part::Result), function);
        }
        Helpers(known)
    }

    /// The function that a path and part mean; a derivative's own path means it too.
    pub fn get(&self, path: &syn::Path, part: Part) -> &Function {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        let (name, part) = match names.as_slice() {
            [name, derivative] => {
                let place = derivative.strip_prefix("derivative_").map(str::parse);
                (name, Part::Derivative(place.expect("a derivative").expect("a place")))
            }
            [name] => (name, part),
            other => panic!("no helper is called {other:?}"),
        };
        self.0.get(&(name.clone(), part)).unwrap_or_else(|| panic!("no helper is {name} {part:?}"))
    }
}
