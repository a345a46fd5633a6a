//! How our tensors and those of another program correspond.

use burn::tensor::TensorData;
use burn_store::bridge::to_data;
use burn_store::burn_pack::Tensor as PackTensor;

use super::WeightsError;
use crate::config::NormKind;
use crate::tensors::NamedTensors;

/// One of our tensors, and theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Our name, as in [`tensors::of_module`](crate::tensors::of_module).
    pub ours: String,
    /// Their name, or names where ours is a stack of theirs (one for each channel).
    pub theirs: Vec<String>,
    pub form: Form,
}

/// How their numbers lie, compared with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the same order, in a tensor of so many dimensions.
    Same { rank: usize },
    /// A linear layer's weight: `[outputs, inputs]` instead of `[inputs, outputs]`.
    Transposed,
    /// The same, and the inputs are features of tokens side by side, `[d_model, tokens]` instead of
    /// `[tokens, d_model]`.
    TokensLast { tokens: usize },
}

impl Entry {
    pub fn new(ours: impl Into<String>, theirs: impl Into<String>, form: Form) -> Self {
        Self { ours: ours.into(), theirs: vec![theirs.into()], form }
    }
}

/// Weight and bias of a linear layer that all channels share, or of one for each: `theirs.0`,
/// `theirs.1` and so on, each with `inner` behind it.
pub(super) fn linears(
    ours: &str,
    theirs: &str,
    channels: Option<usize>,
    inner: &str,
    form: Form,
) -> Vec<Entry> {
    let each = |what: &str, form: Form| Entry {
        ours: format!("{ours}.{what}"),
        theirs: match channels {
            None => vec![format!("{theirs}{inner}.{what}")],
            Some(channels) => {
                (0..channels).map(|c| format!("{theirs}.{c}{inner}.{what}")).collect()
            }
        },
        form,
    };
    vec![each("weight", form), each("bias", Form::Same { rank: 1 })]
}

/// A normalisation; over batches theirs lies in a part called `batch`.
pub(super) fn norm(kind: NormKind, ours: &str, theirs: &str, batch: &str) -> Vec<Entry> {
    let entry = |our: &str, their: String| {
        Entry::new(format!("{ours}.{our}"), format!("{theirs}.{their}"), Form::Same { rank: 1 })
    };
    let within = |name: &str| match kind {
        NormKind::Batch => format!("{batch}.{name}"),
        NormKind::Layer => name.to_string(),
    };
    let mut entries = vec![entry("gamma", within("weight")), entry("beta", within("bias"))];
    if kind == NormKind::Batch {
        let statistics = ["running_mean", "running_var"];
        entries.extend(statistics.map(|name| entry(name, within(name))));
    }
    entries
}

/// Our tensors, with the shapes of `like`, from theirs. Every one of theirs must be used, except
/// those that `ignored` names.
pub fn from_theirs(
    entries: &[Entry],
    mut theirs: NamedTensors,
    like: &NamedTensors,
    ignored: impl Fn(&str) -> bool,
) -> Result<NamedTensors, WeightsError> {
    let mut ours = NamedTensors::new();
    for entry in entries {
        let Some(shape) = like.get(&entry.ours).map(|data| data.shape().to_vec()) else {
            return Err(WeightsError::Unused(entry.ours.clone()));
        };
        let part = shape.iter().product::<usize>() / entry.theirs.len();
        let mut values = Vec::with_capacity(part * entry.theirs.len());
        for name in &entry.theirs {
            let data = theirs.remove(name).ok_or_else(|| WeightsError::Missing {
                theirs: name.clone(),
                ours: entry.ours.clone(),
            })?;
            let found = data.num_elements();
            if found != part {
                return Err(WeightsError::Size {
                    theirs: name.clone(),
                    ours: entry.ours.clone(),
                    found,
                    needed: part,
                });
            }
            let data = floats(&data);
            values.extend(reordered(&data, entry.form, &shape, Direction::ToOurs));
        }
        ours.insert(entry.ours.clone(), TensorData::new(values, shape));
    }
    match theirs.keys().find(|name| !ignored(name)) {
        Some(name) => Err(WeightsError::Unused(name.clone())),
        None => Ok(ours),
    }
}

/// Their tensors from ours.
pub fn to_theirs(entries: &[Entry], ours: &NamedTensors) -> Result<NamedTensors, WeightsError> {
    let mut theirs = NamedTensors::new();
    for entry in entries {
        let data = ours.get(&entry.ours).ok_or_else(|| WeightsError::Missing {
            theirs: entry.theirs.join(", "),
            ours: entry.ours.clone(),
        })?;
        let shape = data.shape().to_vec();
        let values = floats(data);
        let part = values.len() / entry.theirs.len();
        for (name, values) in entry.theirs.iter().zip(values.chunks(part.max(1))) {
            let values = reordered(values, entry.form, &shape, Direction::ToTheirs);
            theirs.insert(name.clone(), TensorData::new(values, their_shape(entry.form, &shape)));
        }
    }
    Ok(theirs)
}

fn their_shape(form: Form, ours: &[usize]) -> Vec<usize> {
    match form {
        // The last dimensions are the same, those before them are ones.
        Form::Same { rank } => {
            let skip = ours.len().saturating_sub(rank);
            let ones = rank.saturating_sub(ours.len());
            std::iter::repeat_n(1, ones).chain(ours[skip..].iter().copied()).collect()
        }
        Form::Transposed | Form::TokensLast { .. } => {
            let last = ours.len() - 1;
            vec![ours[last], ours[last - 1]]
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToOurs,
    ToTheirs,
}

/// One of their tensors, or the part of ours that it is, in the other's order.
fn reordered(values: &[f32], form: Form, ours: &[usize], direction: Direction) -> Vec<f32> {
    let tokens = match form {
        Form::Same { .. } => return values.to_vec(),
        Form::Transposed => 1,
        Form::TokensLast { tokens } => tokens,
    };
    let (inputs, outputs) = (ours[ours.len() - 2], ours[ours.len() - 1]);
    let features = inputs / tokens;
    let mut moved = vec![0.0; values.len()];
    for input in 0..inputs {
        let (token, feature) = (input / features, input % features);
        let theirs = feature * tokens + token;
        for output in 0..outputs {
            let (here, there) = (input * outputs + output, output * inputs + theirs);
            match direction {
                Direction::ToOurs => moved[here] = values[there],
                Direction::ToTheirs => moved[there] = values[here],
            }
        }
    }
    moved
}

/// A tensor of a file, in f32.
pub(super) fn as_f32(tensor: &PackTensor) -> Result<TensorData, String> {
    let data = to_data(tensor).map_err(|error| error.to_string())?;
    Ok(data.convert::<f32>())
}

fn floats(data: &TensorData) -> Vec<f32> {
    data.iter::<f32>().collect()
}
