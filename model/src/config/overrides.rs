//! Laying files and single keys over a configuration, with errors that name the nearest key.

use std::path::PathBuf;

use thiserror::Error;
use toml::{Table, Value};

use super::{Config, Pooling, presets};

/// Why a configuration was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the configuration is not valid TOML: {0}")]
    Syntax(String),
    #[error("cannot write the configuration: {0}")]
    Write(String),
    #[error("unknown key `{key}`{}", suggestion(nearest))]
    UnknownKey { key: String, nearest: Option<String> },
    #[error("unknown preset `{name}`{}; known: {}", suggestion(nearest), presets::NAMES.join(", "))]
    UnknownPreset { name: String, nearest: Option<String> },
    #[error("`{0}` is not an assignment; write section.key=value, as in model.d_model=128")]
    NotAnAssignment(String),
    #[error("{key} = {value}: {reason}")]
    Invalid { key: String, value: String, reason: String },
}

impl ConfigError {
    pub(crate) fn invalid(key: &str, value: impl ToString, reason: impl Into<String>) -> Self {
        Self::Invalid { key: key.into(), value: value.to_string(), reason: reason.into() }
    }
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Reads a TOML text. A top-level `preset = "name"` chooses what the file is laid over.
pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
    let mut file: Table = text
        .parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax(in_one_line(text, &error)))?;
    let base = match file.remove("preset") {
        None => Config::default(),
        Some(Value::String(name)) => presets::by_name(&name)?,
        Some(other) => return Err(ConfigError::invalid("preset", other, "must be a string")),
    };
    let mut table = table_of(&base)?;
    let mut keys = Vec::new();
    for (section, content) in file {
        let Value::Table(content) = content else {
            return Err(unknown(&section, &table));
        };
        if !table.contains_key(&section) {
            return Err(unknown(&section, &table));
        }
        for (key, value) in content {
            put(&mut table, &section, &key, value)?;
            keys.push(format!("{section}.{key}"));
        }
    }
    let mut config = config_of(table)?;
    turn_to_labels(&base, &mut config, |key| keys.iter().any(|set| set == key));
    Ok(config)
}

/// Where keys laid over `base` turn a model of series into one of labelled cases, what `base` says of
/// its windows says nothing of the cases: it is open again, and the tokens are averaged, unless
/// these keys were set too.
pub fn turn_to_labels(base: &Config, config: &mut Config, set: impl Fn(&str) -> bool) {
    if base.model.task.is_labelled() || !config.model.task.is_labelled() {
        return;
    }
    let model = &mut config.model;
    if !set("model.context") {
        model.context = 0;
    }
    if !set("model.targets") {
        model.targets = 0;
    }
    if !set("model.pooling") && model.pooling == Pooling::None && !model.cls_token {
        model.pooling = Pooling::Mean;
    }
}

/// What is wrong and where; TOML's own text is a drawing of several lines.
fn in_one_line(text: &str, error: &toml::de::Error) -> String {
    let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {what}", before.matches('\n').count() + 1),
        None => what,
    }
}

/// `config` with `section.key=value` applied. The value is TOML; bare words are strings.
pub fn assign(config: &Config, assignment: &str) -> Result<Config, ConfigError> {
    let (path, raw) = assignment
        .split_once('=')
        .ok_or_else(|| ConfigError::NotAnAssignment(assignment.into()))?;
    let (path, raw) = (path.trim(), raw.trim());
    let mut table = table_of(config)?;
    let (section, key) = path.split_once('.').ok_or_else(|| unknown(path, &table))?;
    let value = format!("value = {raw}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| Value::String(raw.to_string()));
    // A name such as `2024` or `true` given for a text key stays text.
    let wants_text =
        table.get(section).and_then(|s| s.get(key)).is_some_and(|current| current.is_str());
    let value = if wants_text && !value.is_str() { Value::String(raw.to_string()) } else { value };
    put(&mut table, section, key, value)?;
    config_of(table)
}

/// One number that stands for several keys, as the official code has it.
const DROPOUT: &str = "model.dropout";
const DROPOUTS: [&str; 4] =
    ["position_dropout", "projection_dropout", "path_dropout", "ff_dropout"];

fn put(table: &mut Table, section: &str, key: &str, value: Value) -> Result<(), ConfigError> {
    let path = format!("{section}.{key}");
    if path == DROPOUT {
        for key in DROPOUTS {
            put(table, section, key, value.clone()).map_err(|error| match error {
                ConfigError::Invalid { value, reason, .. } => {
                    ConfigError::Invalid { key: DROPOUT.into(), value, reason }
                }
                other => other,
            })?;
        }
        return Ok(());
    }
    let Some(current) =
        table.get(section).and_then(Value::as_table).and_then(|content| content.get(key)).cloned()
    else {
        return Err(unknown(&path, table));
    };
    let value = match (&current, value) {
        (Value::Float(_), Value::Integer(whole)) => Value::Float(whole as f64),
        (Value::Integer(_), Value::Integer(whole)) if whole < 0 => {
            return Err(ConfigError::invalid(&path, whole, "must not be negative"));
        }
        (_, value) if current.same_type(&value) => value,
        (_, value) => {
            let reason = format!("expected {}, found {}", kind(&current), kind(&value));
            return Err(ConfigError::invalid(&path, value, reason));
        }
    };
    let shown = value.clone();
    if let Some(content) = table.get_mut(section).and_then(Value::as_table_mut) {
        content.insert(key.to_string(), value);
    }
    // Asked at every key, so that a name that is no choice is refused under its key.
    match config_of(table.clone()) {
        Err(ConfigError::Syntax(reason)) => Err(ConfigError::invalid(&path, shown, reason)),
        other => other.map(|_| ()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

fn table_of(config: &Config) -> Result<Table, ConfigError> {
    Table::try_from(config).map_err(|error| ConfigError::Write(error.to_string()))
}

fn config_of(table: Table) -> Result<Config, ConfigError> {
    let config: Config = table
        .try_into()
        .map_err(|error: toml::de::Error| ConfigError::Syntax(in_one_line("", &error)))?;
    Ok(config)
}

fn unknown(path: &str, table: &Table) -> ConfigError {
    let known = table.iter().flat_map(|(section, content)| {
        content
            .as_table()
            .into_iter()
            .flat_map(|content| content.keys())
            .map(move |key| format!("{section}.{key}"))
    });
    let known: Vec<String> = known.chain([DROPOUT.to_string()]).collect();
    let find = |word: &str, among: Vec<&String>| {
        let key = closest(word, among.iter().map(|known| tail(known).to_string()))?;
        among.into_iter().find(|known| tail(known) == key).cloned()
    };
    let nearest = match path.split_once('.') {
        // The section is right: only the key is compared, or the common section would hide how far
        // apart the keys are.
        Some((section, key)) if table.contains_key(section) => find(
            key,
            known.iter().filter(|known| known.starts_with(&format!("{section}."))).collect(),
        ),
        Some(_) => closest(path, known.into_iter()),
        // A key without its section: `d_model` means `model.d_model`.
        None => find(path, known.iter().collect()),
    };
    ConfigError::UnknownKey { key: path.into(), nearest }
}

fn tail(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The candidate with the fewest edits, if it is near enough to be what was meant.
pub(crate) fn closest(word: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    candidates
        .map(|candidate| (edits(word, &candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
