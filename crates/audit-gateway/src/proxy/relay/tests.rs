use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};

use super::*;

const LONG: Duration = Duration::from_secs(3_600);

/// A client and a server with the relay between them.
struct Pair {
    client: DuplexStream,
    server: DuplexStream,
    relay: tokio::task::JoinHandle<End>,
    stop: CancellationToken,
    heard: Arc<Mutex<Vec<(Direction, String)>>>,
}

fn pair(capacity: usize) -> Pair {
    let (client, ours) = duplex(capacity);
    let (theirs, server) = duplex(capacity);
    let stop = CancellationToken::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let tap: SocketTap = Box::new(move |direction, piece| {
        if let Piece::Text(text) = piece {
            listener.lock().unwrap().push((direction, String::from_utf8_lossy(text).into_owned()));
            return if text == b"bad" { Verdict::Stop } else { Verdict::Pass };
        }
        Verdict::Pass
    });
    let token = stop.clone();
    let relay = tokio::spawn(async move { join(ours, theirs, Some(tap), LONG, &token).await });
    Pair { client, server, relay, stop, heard }
}

#[tokio::test]
async fn bytes_pass_both_ways_and_messages_are_heard() {
    let mut pair = pair(64);
    let question = [0x81, 0x83, 1, 2, 3, 4, b'w' ^ 1, b'h' ^ 2, b'o' ^ 3];
    let answer = [0x81, 0x02, b'm', b'e'];
    pair.client.write_all(&question).await.unwrap();
    pair.server.write_all(&answer).await.unwrap();
    let (mut up, mut down) = ([0; 9], [0; 4]);
    pair.server.read_exact(&mut up).await.unwrap();
    pair.client.read_exact(&mut down).await.unwrap();
    assert_eq!((up, down), (question, answer));
    let heard = pair.heard.lock().unwrap().clone();
    assert!(heard.contains(&(Direction::ToServer, "who".to_owned())), "{heard:?}");
    assert!(heard.contains(&(Direction::ToClient, "me".to_owned())), "{heard:?}");
}

#[tokio::test]
async fn a_slow_reader_gets_every_byte() {
    let mut pair = pair(16);
    let sent: Vec<u8> = (0..100_000u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let expected = sent.clone();
    let mut client = pair.client;
    let writer = tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
        client
    });
    let mut got = Vec::new();
    pair.server.read_to_end(&mut got).await.unwrap();
    assert!(got == expected);
    drop((writer.await.unwrap(), pair.server));
    assert_eq!(pair.relay.await.unwrap(), End::Closed);
}

#[tokio::test]
async fn one_side_may_end_before_the_other() {
    let mut pair = pair(64);
    pair.client.shutdown().await.unwrap();
    assert_eq!(pair.server.read(&mut [0; 8]).await.unwrap(), 0);
    pair.server.write_all(b"last words").await.unwrap();
    let mut words = [0; 10];
    pair.client.read_exact(&mut words).await.unwrap();
    assert_eq!(&words, b"last words");
    drop(pair.server);
    assert_eq!(pair.relay.await.unwrap(), End::Closed);
}

#[tokio::test]
async fn stopping_says_goodbye_to_both() {
    let mut pair = pair(64);
    pair.stop.cancel();
    let (mut down, mut up) = (Vec::new(), Vec::new());
    pair.client.read_to_end(&mut down).await.unwrap();
    pair.server.read_to_end(&mut up).await.unwrap();
    assert_eq!((down.as_slice(), up.as_slice()), (&GOING_AWAY[..], &GOING_AWAY_MASKED[..]));
    assert_eq!(pair.relay.await.unwrap(), End::Stopped);
}

#[tokio::test]
async fn what_must_not_pass_ends_the_tunnel_before_it_is_whole() {
    let mut pair = pair(64);
    pair.client.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'o', b'k', 0x81, 0x83, 0, 0]).await.unwrap();
    let mut up = vec![0; 12];
    pair.server.read_exact(&mut up).await.unwrap();
    pair.client.write_all(&[0, 0, b'b', b'a', b'd', 0x81, 0x80, 0, 0, 0, 0]).await.unwrap();
    let (mut down, mut rest) = (Vec::new(), Vec::new());
    pair.client.read_to_end(&mut down).await.unwrap();
    pair.server.read_to_end(&mut rest).await.unwrap();
    assert_eq!((down.as_slice(), rest.as_slice()), (&TRY_LATER[..], &[][..]));
    assert_eq!(pair.relay.await.unwrap(), End::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_in_which_nothing_passes_is_closed() {
    let pair = pair(64);
    assert_eq!(pair.relay.await.unwrap(), End::Quiet);
}
