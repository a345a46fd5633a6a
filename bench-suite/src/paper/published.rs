//! Published errors: Nie et al., "A Time Series is Worth 64 Words" (ICLR 2023, arXiv 2211.14730),
//! table 3, supervised and multivariate, on scaled values, without the last test batch.

use anyhow::{Context, Result};
use serde::Deserialize;

const TABLE: &str = include_str!("published.csv");

/// The model that this project's presets are: context 336, 42 tokens.
pub const PATCHTST: &str = "PatchTST/42";

/// One cell of the table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Published {
    /// As the paper writes it.
    pub dataset: String,
    pub horizon: usize,
    pub model: String,
    pub mse: f64,
    pub mae: f64,
}

/// The whole table.
///
/// # Errors
///
/// The file that is built in is damaged.
pub fn table() -> Result<Vec<Published>> {
    let rows = csv::Reader::from_reader(TABLE.as_bytes()).into_deserialize();
    rows.collect::<Result<_, _>>().context("the published errors that are built in")
}

/// What the paper calls a data set of the catalogue; others keep their name.
pub fn name(dataset: &str) -> &str {
    match dataset.to_ascii_lowercase().as_str() {
        "etth1" => "ETTh1",
        "etth2" => "ETTh2",
        "ettm1" => "ETTm1",
        "ettm2" => "ETTm2",
        "weather" => "Weather",
        "electricity" => "Electricity",
        "traffic" => "Traffic",
        "illness" => "ILI",
        _ => dataset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        let table = table().expect("a table");
        assert_eq!(table.len(), 8 * 4 * 3, "data sets, horizons, models");
        let of = |dataset: &str, model: &str| -> f64 {
            let rows =
                table.iter().filter(|row| row.dataset == name(dataset) && row.model == model);
            let errors: Vec<f64> = rows.map(|row| row.mse).collect();
            assert_eq!(errors.len(), 4, "{dataset} {model}");
            errors.iter().sum::<f64>() / 4.0
        };
        // Means over the horizons that the transcription was checked by.
        for (dataset, model, mean) in [
            ("etth1", PATCHTST, 0.417),
            ("etth2", "PatchTST/64", 0.331),
            ("illness", PATCHTST, 1.538),
            ("traffic", "DLinear", 0.434),
            ("weather", PATCHTST, 0.230),
        ] {
            assert!((of(dataset, model) - mean).abs() < 6e-4, "{dataset} {model}");
        }
        assert!(table.iter().all(|row| row.mae < row.mse.sqrt()), "MAE is at most the RMSE");
    }
}
