//! What is measured: registered variants by name, and a few with a name of their own: compositions,
//! which are one kernel each, compiled for their type, and masks made for one size.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tilewright::language::{
    AnyVariant, Example, ExampleSizes, ParamInfo, UnknownVariant, Variant as _, find,
};
use tilewright::variants::{alibi, causal, neighbourhood_2d, softcap};

/// Name and variant.
type Named = (&'static str, fn() -> AnyVariant);

/// Compositions by name.
const NAMED: &[Named] = &[
    ("softcap+causal", || softcap(30.0).and(causal()).into()),
    ("alibi+causal", || alibi(16).and(causal()).into()),
    // The patches of an image of 56 by 56, five by five of which a query sees.
    ("neighbourhood_56x56", || neighbourhood_2d(56, 56, 5).into()),
];

/// A variant, and the values of its parameters as a peer is told them.
#[derive(Clone, Debug)]
pub struct Subject {
    /// As it was asked for.
    pub name: String,
    /// By name; none of a composition's.
    pub params: BTreeMap<String, f64>,
    /// It.
    pub variant: AnyVariant,
}

impl Subject {
    /// The composition of this name, or the first example of the registered variant, for these
    /// sizes.
    ///
    /// # Errors
    ///
    /// Nothing has the name, or it has no example.
    pub fn named(name: &str, sizes: &ExampleSizes) -> Result<Subject> {
        if let Some((_, build)) = NAMED.iter().find(|(known, _)| *known == name) {
            return Ok(Subject {
                name: name.to_owned(),
                params: BTreeMap::new(),
                variant: build(),
            });
        }
        if name.contains('+') {
            let known: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
            anyhow::bail!("`{name}` is not a composition that is measured: {}", known.join(", "));
        }
        let registered = find(name).map_err(|error: UnknownVariant| anyhow::anyhow!(error))?;
        let values = registered.examples.first().copied().unwrap_or_default();
        // Peers know no variant with tables, and say so themselves.
        let params = registered.params.iter().zip(values);
        let number =
            |(param, value): (&ParamInfo, &Example)| Some((param.name.to_owned(), value.number()?));
        let params = params.filter_map(number).collect();
        let variant = registered.example_variants(sizes).next();
        let variant = variant.with_context(|| format!("`{name}` has no example"))?;
        Ok(Subject { name: registered.name.to_owned(), params, variant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_variants_and_compositions_have_names() {
        let [head_dim, value_dim] = [8, 8];
        let sizes = ExampleSizes { batch: 2, heads: 3, queries: 4, keys: 5, head_dim, value_dim };
        let softcap = Subject::named("softcap", &sizes).unwrap();
        assert_eq!(softcap.params, BTreeMap::from([("cap".to_owned(), 30.0)]));
        let both = Subject::named("softcap+causal", &sizes).unwrap();
        assert!(both.variant.stages().score && both.variant.stages().mask);
        for (wrong, said) in [("softcap+softcap", "softcap+causal"), ("softcup", "softcap")] {
            assert!(Subject::named(wrong, &sizes).unwrap_err().to_string().contains(said));
        }
    }
}
