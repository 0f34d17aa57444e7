//! Tests of what is told of operations and anomalies.
