//! What is sent again and what is not, against a provider that speaks HTTP/2 in single frames.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::settings::SetBack;
use crate::upstream::resolve::SystemLookup;

/// Nothing here takes this long.
const PATIENCE: Duration = Duration::from_secs(20);
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;
/// `:status: 200` of HPACK's static table.
const STATUS_200: u8 = 0x88;
const PREFACE_BYTES: usize = 24;

/// What the provider does with a request that it has read whole.
#[derive(Debug, Clone, Copy)]
enum Reply {
    Answer,
    /// Resets its stream.
    Reset(u32),
    /// Leaves, and says that it has looked at no stream.
    Leave(u32),
    /// Leaves, and says that it may have looked at this one.
    LeaveInTheMiddle,
    HangUp,
}

/// Somebody who replies to requests in this order, over however many connections.
struct Provider {
    address: SocketAddr,
    certificate: rustls_pki_types::CertificateDer<'static>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    async fn start(replies: &[Reply]) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        let certificate = cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let mut tls = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a pair");
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let address = listener.local_addr().expect("an address");
        let replies = Arc::new(Mutex::new(replies.iter().copied().collect::<VecDeque<_>>()));
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, replies, asked) = (acceptor.clone(), replies.clone(), counter.clone());
                tokio::spawn(async move {
                    let stream = acceptor.accept(socket).await?;
                    serve(stream, &replies, &asked).await
                });
            }
        });
        Self { address, certificate, asked }
    }

    /// Asks it, and says whether it answered and how often it was asked.
    async fn is_asked(&self) -> (Result<(), String>, usize) {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let names = Arc::new(Names::new(Arc::new(SystemLookup), |_| None));
        let set_back = SetBack { first: PATIENCE, longest: PATIENCE };
        let times = UpstreamTimes { connect: PATIENCE, read: PATIENCE, total: PATIENCE, set_back };
        let transport = Transport::trusting(tls, times, &names).expect("a client");
        let uri = format!("https://{}/v1/messages", self.address).parse().expect("a URI");
        let answer = transport.post(uri, HeaderMap::new(), Bytes::from_static(b"{}")).await;
        let answer =
            answer.map(|answer| assert_eq!(answer.status(), 200)).map_err(|error| format!("{error:?}"));
        (answer, self.asked.load(Ordering::SeqCst))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn goodbye(last: u32, reason: u32) -> Vec<u8> {
    frame(GO_AWAY, 0, 0, &[last.to_be_bytes(), reason.to_be_bytes()].concat())
}

/// One connection: reads requests to their ends, and replies.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    replies: &Mutex<VecDeque<Reply>>,
    asked: &AtomicUsize,
) -> io::Result<()> {
    stream.read_exact(&mut [0; PREFACE_BYTES]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [a, b, c, _, flags, number @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        stream.read_exact(&mut vec![0; length as usize]).await?;
        let number = u32::from_be_bytes(number);
        if number == 0 || flags & END_STREAM == 0 {
            continue;
        }
        asked.fetch_add(1, Ordering::SeqCst);
        let reply = replies.lock().expect("replies").pop_front().unwrap_or(Reply::HangUp);
        let bytes = match reply {
            Reply::Answer => frame(HEADERS, END_HEADERS | END_STREAM, number, &[STATUS_200]),
            Reply::Reset(reason) => frame(RST_STREAM, 0, number, &reason.to_be_bytes()),
            Reply::Leave(reason) => goodbye(0, reason),
            Reply::LeaveInTheMiddle => goodbye(number, NO_ERROR),
            Reply::HangUp => Vec::new(),
        };
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        if matches!(reply, Reply::Leave(_) | Reply::LeaveInTheMiddle | Reply::HangUp) {
            return stream.shutdown().await;
        }
    }
}

async fn asked_with(replies: &[Reply]) -> (bool, usize) {
    let (answer, asked) = Provider::start(replies).await.is_asked().await;
    (answer.is_ok(), asked)
}

#[tokio::test]
async fn what_a_provider_says_it_has_not_looked_at_is_sent_again() {
    for refused in [Reply::Reset(REFUSED_STREAM), Reply::Leave(NO_ERROR)] {
        assert_eq!(asked_with(&[refused, Reply::Answer]).await, (true, 2), "{refused:?}");
        assert_eq!(asked_with(&[refused, refused, Reply::Answer]).await, (true, 3), "{refused:?}");
    }
}

#[tokio::test]
async fn who_never_looks_is_not_asked_for_ever() {
    assert_eq!(asked_with(&[Reply::Reset(REFUSED_STREAM); 10]).await, (false, 3));
}

/// It may be charged already, and the ledger would count it once.
#[tokio::test]
async fn what_may_have_been_looked_at_is_not_sent_again() {
    let doubtful = [
        Reply::Reset(CANCEL),
        Reply::Reset(NO_ERROR),
        Reply::Leave(ENHANCE_YOUR_CALM),
        Reply::LeaveInTheMiddle,
        Reply::HangUp,
    ];
    for reply in doubtful {
        assert_eq!(asked_with(&[reply, Reply::Answer]).await, (false, 1), "{reply:?}");
    }
}
