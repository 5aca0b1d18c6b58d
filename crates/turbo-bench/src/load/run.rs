//! A run, in which servers take turns. A turn: all connections at once, a time to warm up, a time that counts.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Barrier;

use super::check::Checker;
use super::clock::Clocks;
use super::plan::{Case, Plan, Server};
use super::totals::Totals;
use super::turn::Turn;
use super::{http, websocket};

/// How long answers may still take when the time is over.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that break one after the other before a client gives up.
const MAX_BROKEN: usize = 20;
/// Loopback addresses that reconnecting clients come from: the ports of one would run out.
const SOURCES: u64 = 64;

/// What the clients of a turn share.
#[derive(Debug)]
pub struct Run {
    /// What to do.
    pub plan: &'static Plan,
    /// Whose turn it is.
    pub server: &'static Server,
    /// What is sent.
    pub cases: &'static [Case],
    /// For each case.
    pub checkers: Vec<Checker<'static>>,
    /// When requests are due.
    pub turn: Turn,
    /// What has been counted in all turns of the server.
    pub totals: Rc<RefCell<Totals>>,
    over: Cell<bool>,
    opened: Cell<u64>,
    connected: Barrier,
    go: Barrier,
}

/// Why a client left a connection that did not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It goes on with a new one.
    Again,
    /// It has nothing more to do.
    Done,
}

impl Run {
    /// Time is over: no further request is to be sent.
    #[must_use]
    pub fn over(&self) -> bool {
        self.over.get()
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// As the operating system says.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let opened = self.opened.replace(self.opened.get() + 1);
        let stream = match (self.server.address.ip(), self.plan.reconnect_after) {
            (IpAddr::V4(ip), Some(_)) if ip.is_loopback() => {
                let socket = TcpSocket::new_v4()?;
                let last = u8::try_from(opened % SOURCES + 1).unwrap_or(1);
                socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
                socket.connect(self.server.address).await?
            }
            _ => TcpStream::connect(self.server.address).await?,
        };
        stream.set_nodelay(true)?;
        self.totals.borrow_mut().connected();
        Ok(stream)
    }

    async fn client(self: Rc<Self>, number: usize) {
        let mut stream = self.connect().await;
        self.connected.wait().await;
        self.go.wait().await;
        // The cases are taken in turn, from another one in each client.
        let mut sent = number as u64;
        let last = self.plan.each.map(|each| sent + each);
        let mut broken = 0;
        while broken < MAX_BROKEN {
            let left = match stream {
                Ok(stream) if self.plan.websocket.is_some() => {
                    websocket::talk(&self, stream, &mut sent, last).await
                }
                Ok(stream) => http::talk(&self, stream, &mut sent, last).await,
                Err(error) => Err(error),
            };
            match left {
                Ok(Left::Done) => return,
                Ok(Left::Again) => broken = 0,
                Err(error) => {
                    broken += 1;
                    self.totals.borrow_mut().broke(&error);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            if self.over() {
                return;
            }
            stream = self.connect().await;
        }
    }

    async fn pause(&self, length: f64) {
        let end = Instant::now() + Duration::from_secs_f64(length);
        if self.plan.sleep {
            tokio::time::sleep_until(end.into()).await;
        }
        while Instant::now() < end {
            tokio::task::yield_now().await;
        }
    }

    async fn time(&self, clocks: &Clocks) -> io::Result<(Duration, Duration)> {
        self.connected.wait().await;
        self.turn.begin();
        self.go.wait().await;
        if self.plan.each.is_none() {
            self.pause(self.plan.warm).await;
        }
        self.totals.borrow_mut().counting = true;
        let (start, cpu) = (Instant::now(), clocks.read()?);
        self.pause(self.plan.seconds / f64::from(self.plan.turns)).await;
        let (counted, cpu) = (start.elapsed(), clocks.read()?.saturating_sub(cpu));
        self.over.set(true);
        self.totals.borrow_mut().counting = false;
        let end = Instant::now();
        for due in self.turn.missed(end) {
            self.totals.borrow_mut().never_sent(end - due);
        }
        Ok((counted, cpu))
    }
}

/// Carries out a plan; the results are what [`Totals::report`] says of each server, or an `error`.
pub async fn run(plan: &'static Plan) -> Vec<Value> {
    let mut results: Vec<(_, io::Result<()>)> =
        plan.servers.iter().map(|_| (Rc::<RefCell<Totals>>::default(), Ok(()))).collect();
    for _ in 0..plan.turns {
        for (server, (totals, state)) in plan.servers.iter().zip(&mut results) {
            if state.is_ok() {
                *state = turn(plan, server, totals).await;
            }
        }
    }
    let report = |(totals, state): (Rc<RefCell<Totals>>, io::Result<()>)| match state {
        Ok(()) => totals.borrow().report(),
        Err(error) => json!({"error": error.to_string()}),
    };
    results.into_iter().map(report).collect()
}

/// Errors say that a process to watch does not exist.
async fn turn(plan: &'static Plan, server: &'static Server, totals: &Rc<RefCell<Totals>>) -> io::Result<()> {
    let clocks = Clocks::of(&server.watch)?;
    let cases = plan.cases(server);
    let run = Rc::new(Run {
        plan,
        server,
        cases,
        checkers: cases.iter().map(Checker::new).collect(),
        turn: Turn::new(plan.rate, plan.sleep),
        totals: Rc::clone(totals),
        over: Cell::new(false),
        opened: Cell::new(0),
        connected: Barrier::new(plan.connections + 1),
        go: Barrier::new(plan.connections + 1),
    });
    let clients: Vec<_> = (0..plan.connections)
        .map(|number| tokio::task::spawn_local(Rc::clone(&run).client(number)))
        .collect();
    let busy = tokio::task::spawn_local(async move {
        if !plan.sleep {
            loop {
                tokio::task::yield_now().await;
            }
        }
    });
    let finish = async {
        for client in clients {
            let _ = client.await;
        }
    };
    let timed = if plan.each.is_some() {
        let start = Instant::now();
        let before = clocks.read()?;
        tokio::select! {
            timed = run.time(&clocks) => timed,
            () = finish => clocks.read().map(|now| (start.elapsed(), now.saturating_sub(before))),
        }
    } else {
        let timed = run.time(&clocks).await;
        if tokio::time::timeout(PATIENCE, finish).await.is_err() {
            run.totals.borrow_mut().broke(&io::Error::new(io::ErrorKind::TimedOut, "answers did not come"));
        }
        timed
    };
    busy.abort();
    run.totals.borrow_mut().counting = false;
    let (counted, cpu) = timed?;
    run.totals.borrow_mut().turn(counted, cpu);
    Ok(())
}
