//! An attention variant by name, as a configuration writes it: `blocked(block = 8)`.

use std::fmt;

use tilewright::language::{AnyVariant, find};

use super::ConfigError;

/// The name of a registered variant and the numbers that it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantName {
    name: String,
    parameters: Vec<(String, f64)>,
}

impl VariantName {
    /// The variant of each of `layers` layers: one text for all, or one for each with semicolons
    /// between. Each is looked up, so that a mistake is found before anything is built.
    pub fn for_layers(text: &str, layers: usize) -> Result<Vec<Self>, ConfigError> {
        let refuse = |reason: String| ConfigError::invalid("model.variant", text, reason);
        let mut names = Vec::new();
        for part in text.split(';') {
            let name = Self::parse(part).map_err(refuse)?;
            name.build().map_err(refuse)?;
            names.push(name);
        }
        match names.len() {
            1 => Ok(vec![names.remove(0); layers]),
            count if count == layers => Ok(names),
            count => Err(refuse(format!("{count} variants for model.layers = {layers}"))),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (name, inside) = match text.split_once('(') {
            None => (text, ""),
            Some((name, rest)) => {
                let inside =
                    rest.strip_suffix(')').ok_or_else(|| format!("`{text}` lacks its `)`"))?;
                (name.trim(), inside.trim())
            }
        };
        if name.is_empty() {
            return Err("a variant has a name, as in softmax or blocked(block = 8)".into());
        }
        let known = find(name).map_err(|error| error.to_string())?;
        let mut parameters = Vec::new();
        for (place, part) in inside.split(',').filter(|part| !part.trim().is_empty()).enumerate() {
            let (parameter, value) = match part.split_once('=') {
                Some((parameter, value)) => (parameter.trim().to_string(), value),
                None => match known.params.get(place) {
                    Some(parameter) => (parameter.name.to_string(), part),
                    None => return Err(format!("too many values; it is {}", known.signature())),
                },
            };
            let value = value
                .trim()
                .parse::<f64>()
                .map_err(|_| format!("`{}` is not a number", value.trim()))?;
            parameters.push((parameter, value));
        }
        Ok(Self { name: name.into(), parameters })
    }

    /// The variant itself.
    pub fn build(&self) -> Result<AnyVariant, String> {
        let given: Vec<(&str, f64)> =
            self.parameters.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let variant = find(&self.name).map_err(|error| error.to_string())?;
        variant.with_params(&given).map_err(|error| error.to_string())
    }

    pub fn is_softmax(&self) -> bool {
        self.name == "softmax"
    }
}

impl fmt::Display for VariantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.parameters.is_empty() {
            return Ok(());
        }
        let write = |(name, value): &(String, f64)| format!("{name} = {value}");
        let parameters: Vec<String> = self.parameters.iter().map(write).collect();
        write!(f, "({})", parameters.join(", "))
    }
}
