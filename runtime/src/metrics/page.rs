//! A page of metrics, gathered whole before any of it is written: no lock of anybody is held while text is made.

use std::fmt;

use prometheus_client::collector::Collector;
pub(crate) use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::histogram::Counted;

/// Families in the order in which they are shown.
#[derive(Debug, Default)]
pub(crate) struct Page(Vec<Family>);

/// One metric with all its series.
#[derive(Debug)]
pub(crate) struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, Value)>,
}

/// Names of labels and what they are. Values come from manifests and from words of the gateway's own.
pub(crate) type Labels = Vec<(&'static str, String)>;

#[derive(Debug)]
enum Value {
    Integer(u64),
    Real(f64),
    Histogram(Counted),
}

impl Page {
    pub(crate) fn add(&mut self, family: Family) {
        self.0.push(family);
    }

    /// As Prometheus reads it, in the form of [`CONTENT_TYPE`].
    pub(crate) fn into_text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for Family { name, help, kind, samples } in &self.0 {
            let mut family = encoder.encode_descriptor(name, help, None, *kind)?;
            for (labels, value) in samples {
                let mut metric = family.encode_family(labels)?;
                match (value, kind) {
                    (Value::Integer(value), MetricType::Counter) => {
                        metric.encode_counter::<NoLabelSet, _, u64>(value, None)?;
                    }
                    (Value::Real(value), MetricType::Counter) => {
                        metric.encode_counter::<NoLabelSet, _, u64>(value, None)?;
                    }
                    (Value::Integer(value), _) => metric.encode_gauge(value)?,
                    (Value::Real(value), _) => metric.encode_gauge(value)?,
                    (Value::Histogram(Counted { buckets, count, sum }), _) => {
                        metric.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Family {
    /// A number that only grows. Its name goes without the `_total` that it is shown with.
    pub(crate) fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Counter, samples: Vec::new() }
    }

    /// A number as it is now.
    pub(crate) fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Gauge, samples: Vec::new() }
    }

    /// How often values were how large.
    pub(crate) fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: MetricType::Histogram, samples: Vec::new() }
    }

    /// One more series.
    pub(crate) fn put(&mut self, labels: Labels, value: u64) {
        self.samples.push((labels, Value::Integer(value)));
    }

    /// One more series, whose unit has fractions.
    pub(crate) fn put_real(&mut self, labels: Labels, value: f64) {
        self.samples.push((labels, Value::Real(value)));
    }

    /// One more series of a histogram.
    pub(crate) fn put_counted(&mut self, labels: Labels, counted: Counted) {
        self.samples.push((labels, Value::Histogram(counted)));
    }

    /// The only series of this metric.
    pub(crate) fn with(mut self, value: u64) -> Self {
        self.put(Vec::new(), value);
        self
    }

    /// The only series of this metric, whose unit has fractions; none where there is no value.
    pub(crate) fn with_real(mut self, value: Option<f64>) -> Self {
        if let Some(value) = value {
            self.put_real(Vec::new(), value);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_the_format_wants_it() {
        let mut page = Page::default();
        let mut counter = Family::counter("pai_things", "Things,\nwith a \\.");
        counter.put(vec![("name", "a\"b\\c\nd".to_owned()), ("other", String::new())], 7);
        page.add(counter);
        page.add(Family::gauge("pai_level", "A level.").with_real(Some(0.25)));
        page.add(Family::gauge("pai_nothing", "None of it.").with_real(None));
        let mut histogram = Family::histogram("pai_seconds", "Seconds.");
        let four = Counted { buckets: vec![(0.5, 2), (1.0, 1)], count: 4, sum: 9.5 };
        histogram.put_counted(vec![("name", "x".to_owned())], four);
        page.add(histogram);
        let expected = "\
# HELP pai_things_total Things,\\nwith a \\\\.
# TYPE pai_things_total counter
pai_things_total{name=\"a\\\"b\\\\c\\nd\",other=\"\"} 7
# HELP pai_level A level.
# TYPE pai_level gauge
pai_level 0.25
# HELP pai_nothing None of it.
# TYPE pai_nothing gauge
# HELP pai_seconds Seconds.
# TYPE pai_seconds histogram
pai_seconds_bucket{name=\"x\",le=\"0.5\"} 2
pai_seconds_bucket{name=\"x\",le=\"1\"} 3
pai_seconds_bucket{name=\"x\",le=\"+Inf\"} 4
pai_seconds_sum{name=\"x\"} 9.5
pai_seconds_count{name=\"x\"} 4
";
        assert_eq!(page.into_text().expect("text"), expected);
    }
}
