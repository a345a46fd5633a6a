//! PatchTST (Nie et al., "A Time Series is Worth 64 Words", ICLR 2023), supervised, on Burn, with
//! attention by Tilewright's tuned kernels.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | `[model]`, `[data]`, `[train]`, `[runtime]`; presets; overrides |
//! | [`patchtst`] | the model: [`revin`], [`patching`], [`position`], [`encoder`] with [`attention`] and [`norm`], [`head`] |
//! | [`masking`], [`heads`] | what pretraining hides; heads that are pruned |
//! | [`distribution`], [`decomposition`] | forecasts with a spread; trend and season apart |
//! | [`ops`], [`pass`] | linear layers, normalisation, GELU and dropout as operators with own gradients |
//! | [`train`] | the loop, steps recorded as CUDA graphs, Adam, schedules, early stopping, checkpoints, reports |
//! | [`tensors`] | safetensors files, and modules to and from them |
//! | [`weights`] | Hugging Face's and the official code's weights, and those of other runs |
//! | [`data`] | windows of a series, and labelled cases from `.ts` files |
//! | [`evaluate`], [`score`] | errors under both protocols, the naive forecasts, and how well classes are told apart |
//! | [`mod@forecast`], [`predict`], [`plot`] | forecasts past the end of a series, what is said of cases, and pictures |
//! | [`compare`], [`mod@sweep`] | runs side by side, and many of them at once |
//! | [`runtime`], [`out_of_memory`] | the device, how Burn's GPU backend is set up, and advice where its memory does not suffice |
//! | [`progress`], [`dashboard`] | what a person sees of a run while it goes on |
//! | [`table`] | tables for people |
//! | [`cli`] | the command line, for this crate's binary and for others to embed |

pub mod attention;
pub mod batch_norm;
pub mod cli;
pub mod compare;
pub mod config;
pub mod dashboard;
pub mod data;
pub mod decomposition;
pub mod distribution;
pub mod encoder;
pub mod evaluate;
pub mod forecast;
pub mod head;
pub mod heads;
pub mod linear;
pub mod masking;
pub mod norm;
pub mod ops;
pub mod out_of_memory;
pub mod pass;
pub mod patching;
pub mod patchtst;
pub mod per_channel;
pub mod plot;
pub mod position;
pub mod predict;
pub mod progress;
pub mod revin;
pub mod runtime;
pub mod score;
pub mod step_time;
pub mod sweep;
pub mod table;
pub mod tensors;
pub mod train;
pub mod weights;

pub use config::Config;
pub use patchtst::PatchTst;
