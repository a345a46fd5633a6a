//! What is measured: registered variants by name, and a few that are made here: compositions, which
//! are one kernel each, compiled for their type, masks made for one size, and what has a table that
//! peers are to have too.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tilewright::language::{
    AnyVariant, Example, ExampleSizes, ParamInfo, Table, UnknownVariant, Variant as _, find,
};
use tilewright::variants::{alibi, causal, neighbourhood_2d, relative_bias, softcap};
use tilewright_autotune::values::value;

/// Name and variant.
type Named = (&'static str, fn() -> AnyVariant);

/// Compositions by name.
const NAMED: &[Named] = &[
    ("softcap+causal", || softcap(30.0).and(causal()).into()),
    ("alibi+causal", || alibi(16).and(causal()).into()),
    // The patches of an image of 56 by 56, five by five of which a query sees.
    ("neighbourhood_56x56", || neighbourhood_2d(56, 56, 5).into()),
];

/// Decides the elements of tables, as the streams of `autotune`'s values decide those of tensors.
pub const TABLE_STREAM: u32 = 1 << 31;

/// A variant, and the values of its parameters as a peer is told them.
#[derive(Clone, Debug)]
pub struct Subject {
    /// As it was asked for.
    pub name: String,
    /// By name; none of a composition's.
    pub params: BTreeMap<String, f64>,
    /// Shapes of learned tables by name, whose elements are those of [`TABLE_STREAM`].
    pub tables: BTreeMap<String, Vec<usize>>,
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
                tables: BTreeMap::new(),
                variant: build(),
            });
        }
        if name == "relative_bias" {
            return Self::with_relative_bias(sizes);
        }
        if name.contains('+') {
            let known: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
            anyhow::bail!("`{name}` is not a composition that is measured: {}", known.join(", "));
        }
        let registered = find(name).map_err(|error: UnknownVariant| anyhow::anyhow!(error))?;
        let values = registered.examples.first().copied().unwrap_or_default();
        // Peers know no other variant with tables, and say so themselves.
        let params = registered.params.iter().zip(values);
        let number =
            |(param, value): (&ParamInfo, &Example)| Some((param.name.to_owned(), value.number()?));
        let params = params.filter_map(number).collect();
        let variant = registered.example_variants(sizes).next();
        let variant = variant.with_context(|| format!("`{name}` has no example"))?;
        let (name, tables) = (registered.name.to_owned(), BTreeMap::new());
        Ok(Subject { name, params, tables, variant })
    }

    fn with_relative_bias(sizes: &ExampleSizes) -> Result<Subject> {
        let shape = vec![sizes.heads, sizes.queries + sizes.keys - 1];
        let len = shape.iter().product();
        let values = (0..len).map(|place| value(TABLE_STREAM, place)).collect();
        Ok(Subject {
            name: "relative_bias".to_owned(),
            params: BTreeMap::new(),
            variant: relative_bias(Table::new(&shape, values)?).into(),
            tables: BTreeMap::from([("bias".to_owned(), shape)]),
        })
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
        let biased = Subject::named("relative_bias", &sizes).unwrap();
        assert_eq!(biased.tables, BTreeMap::from([("bias".to_owned(), vec![3, 8])]));
        assert_eq!(biased.variant.tables()[0].shape, [3, 8]);
        for (wrong, said) in [("softcap+softcap", "softcap+causal"), ("softcup", "softcap")] {
            assert!(Subject::named(wrong, &sizes).unwrap_err().to_string().contains(said));
        }
    }
}
