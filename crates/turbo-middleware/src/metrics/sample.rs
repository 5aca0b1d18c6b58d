//! Values that are looked up when somebody asks.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// What a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows; its name gets the suffix `_total`.
    Counter,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name, without a counter's `_total`.
    pub name: String,
    /// What the metric is, in a sentence.
    pub help: String,
    /// Gauge or counter.
    pub kind: Kind,
    /// Names and values of labels.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

pub(super) type Source = Arc<dyn Fn() -> Vec<Sample> + Send + Sync>;

/// Samples for a page; those of one metric follow each other.
#[derive(Debug)]
pub(super) struct Sampled(pub(super) Vec<Sample>);

impl Collector for Sampled {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in self.0.chunk_by(|one, next| one.name == next.name) {
            let [first, ..] = metric else { continue };
            let kind = match first.kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
            };
            let mut encoder = encoder.encode_descriptor(&first.name, &first.help, None, kind)?;
            for sample in metric {
                let mut encoder = encoder.encode_family(&sample.labels)?;
                match sample.kind {
                    Kind::Gauge => encoder.encode_gauge(&sample.value)?,
                    Kind::Counter => encoder.encode_counter::<NoLabelSet, _, f64>(&sample.value, None)?,
                }
            }
        }
        Ok(())
    }
}
