//! etcd as a database under test, over its v3 JSON gateway.
