//! etcd's v3 requests and answers as the JSON gateway has them: bytes in base64, int64 in quotes.

use crate::connection::{Connection, RequestError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes, base64 on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Base64(pub(crate) Vec<u8>);

impl Base64 {
    pub(crate) fn text(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

/// A revision of the store or of a key; 0 for a key that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Int64(pub(crate) i64);

impl Serialize for Int64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_string())
    }
}

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// `/v3/kv/range`: one key, or those from `key` up to `range_end`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Range {
    pub(crate) key: Base64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) range_end: Option<Base64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) keys_only: bool,
    /// Answered from the member's own state, which may be behind.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) serializable: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) oldest: Option<Oldest>,
}

/// In the order in which keys were made, so many at the most.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Oldest {
    sort_order: &'static str,
    sort_target: &'static str,
    limit: Int64,
}

impl Range {
    pub(crate) fn key(key: &str, serializable: bool) -> Self {
        let key = Base64::text(key);
        Self { key, range_end: None, keys_only: false, serializable, oldest: None }
    }

    /// A key that etcd has given a name to.
    pub(crate) fn of(key: &Base64) -> Self {
        Self { key: key.clone(), ..Self::key("", false) }
    }

    /// What begins with `prefix`, whose last byte is below 255.
    pub(crate) fn below(prefix: &str, serializable: bool) -> Self {
        let mut end = prefix.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        Self { range_end: Some(Base64(end)), ..Self::key(prefix, serializable) }
    }

    /// The same without values.
    pub(crate) fn keys_below(prefix: &str, serializable: bool) -> Self {
        Self { keys_only: true, ..Self::below(prefix, serializable) }
    }

    /// The same, of those that were made first.
    pub(crate) fn oldest_below(prefix: &str, limit: i64, serializable: bool) -> Self {
        let limit = Int64(limit);
        let oldest = Oldest { sort_order: "ASCEND", sort_target: "CREATE", limit };
        Self { oldest: Some(oldest), ..Self::below(prefix, serializable) }
    }
}

/// `/v3/kv/put`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Put {
    pub(crate) key: Base64,
    pub(crate) value: Base64,
}

impl Put {
    pub(crate) fn new(key: &str, value: &str) -> Self {
        Self { key: Base64::text(key), value: Base64::text(value) }
    }
}

/// A condition of a transaction.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "target", rename_all = "UPPERCASE")]
pub(crate) enum Compare {
    Value { result: &'static str, key: Base64, value: Base64 },
    Mod { result: &'static str, key: Base64, mod_revision: Int64 },
    Create { result: &'static str, key: Base64, create_revision: Int64 },
}

impl Compare {
    pub(crate) fn value(key: &str, value: &str) -> Self {
        Self::Value { result: "EQUAL", key: Base64::text(key), value: Base64::text(value) }
    }

    pub(crate) fn unchanged_since(key: &str, mod_revision: Int64) -> Self {
        Self::Mod { result: "EQUAL", key: Base64::text(key), mod_revision }
    }

    /// The key is there, and was not deleted and made again.
    pub(crate) fn made_at(key: &Base64, create_revision: Int64) -> Self {
        Self::Create { result: "EQUAL", key: key.clone(), create_revision }
    }
}

/// An operation within a transaction.
#[derive(Clone, Debug, Serialize)]
pub(crate) enum TxnOp {
    #[serde(rename = "request_range")]
    Range(Range),
    #[serde(rename = "request_put")]
    Put(Put),
    #[serde(rename = "request_delete_range")]
    DeleteRange(DeleteRange),
}

/// One key, in a [`TxnOp`].
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DeleteRange {
    pub(crate) key: Base64,
}

/// `/v3/kv/txn`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Txn {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) compare: Vec<Compare>,
    pub(crate) success: Vec<TxnOp>,
}

/// What every answer begins with. Its presence tells an etcd answer from any other JSON.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Header {
    pub(crate) member_id: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct KeyValue {
    pub(crate) key: Base64,
    #[serde(default)]
    pub(crate) value: Base64,
    pub(crate) mod_revision: Int64,
    #[serde(default)]
    pub(crate) create_revision: Int64,
}

/// Keys found, in order. The gateway leaves empty fields out.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Found {
    #[serde(default)]
    pub(crate) kvs: Vec<KeyValue>,
    #[serde(default)]
    pub(crate) more: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct RangeAnswer {
    #[expect(dead_code, reason = "read only so that an answer without it is refused")]
    header: Header,
    #[serde(flatten)]
    found: Found,
}

#[derive(Clone, Debug, Deserialize)]
struct PutAnswer {
    #[expect(dead_code, reason = "read only so that an answer without it is refused")]
    header: Header,
}

/// How a transaction went.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TxnAnswer {
    #[expect(dead_code, reason = "read only so that an answer without it is refused")]
    header: Header,
    /// Whether all conditions held and `success` was done.
    #[serde(default)]
    pub(crate) succeeded: bool,
    #[serde(default)]
    pub(crate) responses: Vec<TxnPart>,
}

/// The answer to one operation of a transaction.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct TxnPart {
    pub(crate) response_range: Option<Found>,
}

/// `/v3/lease/grant`, `/v3/lease/revoke`, `/v3/lease/keepalive`, `/v3/lock/lock`.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum LeaseRequest {
    Grant {
        #[serde(rename = "TTL")]
        seconds: Int64,
    },
    Of {
        #[serde(rename = "ID")]
        id: Int64,
    },
    Lock {
        name: Base64,
        lease: Int64,
    },
}

#[derive(Clone, Debug, Deserialize)]
struct LeaseAnswer {
    #[expect(dead_code, reason = "read only so that an answer without it is refused")]
    header: Header,
    #[serde(default, rename = "ID")]
    id: Int64,
    #[serde(default, rename = "TTL")]
    seconds: Int64,
}

/// The first part of a stream.
#[derive(Clone, Debug, Deserialize)]
struct Streamed {
    result: LeaseAnswer,
}

#[derive(Clone, Debug, Deserialize)]
struct LockAnswer {
    #[expect(dead_code, reason = "read only so that an answer without it is refused")]
    header: Header,
    key: Base64,
}

/// `/v3/maintenance/status`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) header: Header,
    /// The member id of the leader that this member follows; absent when it has none.
    pub(crate) leader: Option<String>,
}

impl Connection {
    pub(crate) async fn range(&mut self, range: &Range) -> Result<Found, RequestError> {
        let answer: RangeAnswer = self.call("/v3/kv/range", range).await?;
        Ok(answer.found)
    }

    pub(crate) async fn put(&mut self, put: &Put) -> Result<(), RequestError> {
        let PutAnswer { .. } = self.call("/v3/kv/put", put).await?;
        Ok(())
    }

    pub(crate) async fn txn(&mut self, txn: &Txn) -> Result<TxnAnswer, RequestError> {
        self.call("/v3/kv/txn", txn).await
    }

    /// A new lease of so many seconds, or more: its id, and how many they are.
    pub(crate) async fn grant(&mut self, seconds: i64) -> Result<(Int64, i64), RequestError> {
        let request = LeaseRequest::Grant { seconds: Int64(seconds) };
        let answer: LeaseAnswer = self.call("/v3/lease/grant", &request).await?;
        Ok((answer.id, answer.seconds.0))
    }

    /// Ends a lease, and deletes the keys that hang on it.
    pub(crate) async fn revoke(&mut self, id: Int64) -> Result<(), RequestError> {
        let LeaseAnswer { .. } = self.call("/v3/lease/revoke", &LeaseRequest::Of { id }).await?;
        Ok(())
    }

    /// Whether the lease was still there to be kept.
    pub(crate) async fn keep_alive(&mut self, id: Int64) -> Result<bool, RequestError> {
        let answer: Streamed = self.call("/v3/lease/keepalive", &LeaseRequest::Of { id }).await?;
        Ok(answer.result.seconds.0 > 0)
    }

    /// Waits until nobody else has the lock: the key that stands for having it.
    pub(crate) async fn lock(&mut self, name: &str, lease: Int64) -> Result<Base64, RequestError> {
        let request = LeaseRequest::Lock { name: Base64::text(name), lease };
        let answer: LockAnswer = self.call("/v3/lock/lock", &request).await?;
        Ok(answer.key)
    }

    pub(crate) async fn status(&mut self) -> Result<Status, RequestError> {
        self.call("/v3/maintenance/status", &serde_json::Map::new()).await
    }

    async fn call<A: DeserializeOwned>(
        &mut self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<A, RequestError> {
        let body = serde_json::to_vec(request)
            .map_err(|error| RequestError::NotSent(error.to_string()))?;
        let answer = self.post(path, body).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            let shown: String = String::from_utf8_lossy(&answer).chars().take(300).collect();
            RequestError::Garbled(format!("{error} in {shown}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn requests_are_written_as_the_gateway_reads_them() {
        let txn = Txn {
            compare: vec![
                Compare::value("a", "1"),
                Compare::unchanged_since("b", Int64(9_007_199_254_740_993)),
            ],
            success: vec![TxnOp::Put(Put::new("a", "2")), TxnOp::Range(Range::key("b", true))],
        };
        assert_eq!(
            serde_json::to_value(&txn).unwrap(),
            json!({
                "compare": [
                    {"target": "VALUE", "result": "EQUAL", "key": "YQ==", "value": "MQ=="},
                    {"target": "MOD", "result": "EQUAL", "key": "Yg==",
                     "mod_revision": "9007199254740993"},
                ],
                "success": [
                    {"request_put": {"key": "YQ==", "value": "Mg=="}},
                    {"request_range": {"key": "Yg==", "serializable": true}},
                ],
            })
        );
        let made = serde_json::to_value(Compare::made_at(&Base64::text("a"), Int64(7))).unwrap();
        let wanted = json!({"target": "CREATE", "result": "EQUAL", "key": "YQ==",
                            "create_revision": "7"});
        assert_eq!(made, wanted);
        let oldest = serde_json::to_value(Range::oldest_below("s/", 9, false)).unwrap();
        let wanted = json!({"key": "cy8=", "range_end": "czA=", "sort_order": "ASCEND",
                            "sort_target": "CREATE", "limit": "9"});
        assert_eq!(oldest, wanted);
        let below = serde_json::to_value(Range::keys_below("s/", false)).unwrap();
        assert_eq!(below, json!({"key": "cy8=", "range_end": "czA=", "keys_only": true}));
    }

    #[test]
    fn answers_without_a_header_are_not_etcd_s() {
        assert!(serde_json::from_value::<TxnAnswer>(json!({})).is_err());
        let header = json!({"cluster_id": "1", "member_id": "2", "revision": "3"});
        let empty: RangeAnswer = serde_json::from_value(json!({ "header": header })).unwrap();
        assert!(empty.found.kvs.is_empty() && !empty.found.more);
        let unquoted = json!({"header": header, "kvs": [{"key": "YQ==", "mod_revision": 3}]});
        assert!(serde_json::from_value::<RangeAnswer>(unquoted).is_err());
    }
}
