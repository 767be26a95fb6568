//! What was typed, checked for form. What the words mean is the core's business.

use std::ffi::OsString;

use kubehop_core::api::{Detail, Run};
use lexopt::Arg::{Long, Short, Value};
use lexopt::Parser;

/// A command with its options.
#[derive(Debug)]
pub(crate) enum Command {
    Help,
    Version,
    Faults,
    Walks,
    Rules(Vec<usize>),
    Check(Input),
    Trace {
        input: Input,
        asked: Asked,
        format: Format,
        detail: Detail,
        output: Option<OsString>,
        expect: Option<Expect>,
    },
    Show {
        input: Input,
        at: String,
        after: Option<Run>,
        writers: bool,
        command: Vec<String>,
    },
}

/// The files of a lab and what `--set` changes in it.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub files: Vec<OsString>,
    pub set: Vec<(String, String)>,
    pub faults: Vec<String>,
    /// The built-in walk that stands in the files' place.
    pub walk: Option<String>,
}

/// What the options say of a run; the rest is as the walk has it, or as the command line's defaults are.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    from: Option<String>,
    to: Option<String>,
    size: Option<usize>,
    reply_size: Option<usize>,
    df: bool,
    ttl: Option<u8>,
    seed: Option<u64>,
    via: Option<String>,
    actions: Vec<String>,
}

impl Asked {
    /// `base` with what was asked for in place of what it says. What breaks and what is done comes on top.
    pub(crate) fn over(&self, base: Run, faults: &[String]) -> Run {
        Run {
            from: self.from.clone().unwrap_or(base.from),
            to: self.to.clone().unwrap_or(base.to),
            size: self.size.unwrap_or(base.size),
            reply_size: self.reply_size.unwrap_or(base.reply_size),
            df: self.df || base.df,
            ttl: self.ttl.or(base.ttl),
            seed: self.seed.unwrap_or(base.seed),
            faults: [&base.faults[..], faults].concat(),
            actions: [&base.actions[..], &self.actions].concat(),
            via: self.via.clone().or(base.via),
        }
    }
}

/// How a trace is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Pcapng,
}

/// How a run is expected to come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expect(pub &'static str);

/// Wrong usage, in one line.
pub(crate) type UsageError = String;

pub(crate) const USAGE: &str = "\
kubehop: walks a packet through a Kubernetes cluster, as Linux would

  kubehop check FILE...                                  problems as file:line:col
  kubehop trace FILE... --from REF --to TARGET [options] one run of one client
  kubehop trace --walk ID [options]                      a built-in walk; options replace what it says
  kubehop show  FILE... --at REF [options] -- COMMAND... a command typed at that place
  kubehop walks                                          the built-in walks, one per line: id, title
  kubehop faults                                         what can be broken, one per line: id, title
  kubehop rules [--services N,N,...]                     what a connection's first packet costs a node, by services

REF     pod/NS/NAME, pod/NAME, pod/NS/NAME/CONTAINER, node/NAME, host/NAME, router/NAME
TARGET  tcp://HOST:PORT, udp://HOST:PORT, http://HOST[:PORT][/PATH], ping://HOST (HOST an address, or a name to look up),
        dns://NAME[?type=TYPE] (one query, the name as it stands, like dig; type A if none is stated),
        lookup://NAME (what getaddrinfo does for an application: search list, A and AAAA),
        bgp://HOST (a node's session with the router of its rack is established),
        bgp://HOST?withdraw, bgp://HOST?shutdown (the node withdraws its pods, or ends the session),
        probe://pod/NS/NAME[/CONTAINER][?kind=readiness|liveness|startup] (the kubelet asks, --from the pod's node),
        scrape://pod/NS/NAME (Prometheus asks, where the pod's annotations or its port named metrics say)

trace options
  --size N            bytes of the request (default 100)
  --reply-size N      bytes of the reply (default 100)
  --df                set DF (ping only)
  --ttl N             TTL of every packet of the client
  --seed N            seed of everything that is drawn (default 1)
  --via node/NAME     the node that packets for a load balancer's address or an externalIP are handed to (default: the balancer's choice)
  --do 'TIME ACTION REF'  delete, create, scale=N, fail-readiness or cordon something, TIME ms after the client
                      starts, negative before (show takes it too, with --after-trace)
  --format FORMAT     text (default), json or pcapng
  --detail LEVEL      minimal, summary (default) or full
  -o FILE             write there instead of to standard output
  --expect OUTCOME    delivered, rejected or dropped: exit 1 if it came out otherwise
all commands
  --set PATH=VALUE    any field of the Lab's spec, as in --set cni.mode=host-gw
  --fault ID          break something first (repeatable; check says what it breaks)
show options
  --after-trace FROM TO  as that run leaves the machines
  --writers           say behind every row who wrote it
show commands
  ip addr | ip link | ip route [show table X] | ip route get ADDR | ip neigh | bridge fdb
  iptables-save [-t TABLE] | ipset save | nft list ruleset | nft list table FAMILY NAME | conntrack -L
  ipvsadm-save -n | ipvsadm -lnc | ip rule | sysctl -a
  cilium bpf endpoint|ipcache|lb|nat list | cilium bpf ct list global
  dig [@SERVER] NAME [TYPE] | nslookup NAME | cat /etc/resolv.conf | cat Corefile

exit status: 0 it ran, 1 not as expected, 2 wrong usage, 3 bad input
";

/// Reads the command line.
pub(crate) fn parse(mut parser: Parser) -> Result<Command, UsageError> {
    let command = match parser.next().map_err(text)? {
        None => {
            return Err("no command; expected check, trace, show, walks, faults or rules (kubehop --help)".to_owned());
        }
        Some(Long("help") | Short('h')) => return Ok(Command::Help),
        Some(Long("version") | Short('V')) => return Ok(Command::Version),
        Some(Value(command)) => command.to_string_lossy().into_owned(),
        Some(other) => return Err(other.unexpected().to_string()),
    };
    match command.as_str() {
        "check" => check(parser),
        "trace" => trace(parser),
        "show" => show(parser),
        "faults" => alone(parser, Command::Faults),
        "walks" => alone(parser, Command::Walks),
        "rules" => rules(parser),
        "help" => Ok(Command::Help),
        other => Err(format!("no command {other:?}; expected check, trace, show, walks, faults or rules")),
    }
}

/// A command without options.
fn alone(mut parser: Parser, command: Command) -> Result<Command, UsageError> {
    match parser.next().map_err(text)? {
        None => Ok(command),
        Some(Long("help") | Short('h')) => Ok(Command::Help),
        Some(other) => Err(other.unexpected().to_string()),
    }
}

fn rules(mut parser: Parser) -> Result<Command, UsageError> {
    let mut services = vec![1, 10, 100, 1000, 10_000];
    while let Some(arg) = parser.next().map_err(text)? {
        match arg {
            Long("services") => {
                let list = word(&mut parser)?;
                let number =
                    |text: &str| text.parse().map_err(|_| format!("--services: found {text:?}, expected a number"));
                services = list.split(',').map(number).collect::<Result<Vec<usize>, UsageError>>()?;
            }
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Command::Rules(services))
}

fn check(mut parser: Parser) -> Result<Command, UsageError> {
    let mut input = Input::default();
    while let Some(arg) = parser.next().map_err(text)? {
        match arg {
            Long("set") => input.set.push(assignment(&mut parser)?),
            Long("fault") => input.faults.push(word(&mut parser)?),
            Long("help") | Short('h') => return Ok(Command::Help),
            Value(file) => input.files.push(file),
            other => return Err(other.unexpected().to_string()),
        }
    }
    input.checked().map(Command::Check)
}

fn trace(mut parser: Parser) -> Result<Command, UsageError> {
    let mut input = Input::default();
    let mut asked = Asked::default();
    let (mut format, mut detail, mut output, mut expect) = (Format::default(), Detail::default(), None, None);
    while let Some(arg) = parser.next().map_err(text)? {
        match arg {
            Long("set") => input.set.push(assignment(&mut parser)?),
            Long("fault") => input.faults.push(word(&mut parser)?),
            Long("walk") => input.walk = Some(word(&mut parser)?),
            Long("from") => asked.from = Some(word(&mut parser)?),
            Long("to") => asked.to = Some(word(&mut parser)?),
            Long("size") => asked.size = Some(number(&mut parser, "--size", "a number of bytes")?),
            Long("reply-size") => asked.reply_size = Some(number(&mut parser, "--reply-size", "a number of bytes")?),
            Long("df") => asked.df = true,
            Long("ttl") => {
                let ttl: u8 = number(&mut parser, "--ttl", "a number from 1 to 255")?;
                if ttl == 0 {
                    return Err("--ttl: found 0, expected a number from 1 to 255".to_owned());
                }
                asked.ttl = Some(ttl);
            }
            Long("seed") => asked.seed = Some(number(&mut parser, "--seed", "a number")?),
            Long("format") => {
                let name = word(&mut parser)?;
                format = match name.as_str() {
                    "text" => Format::Text,
                    "json" => Format::Json,
                    "pcapng" => Format::Pcapng,
                    _ => return Err(format!("--format: found {name:?}, expected text, json or pcapng")),
                };
            }
            Long("detail") => {
                let name = word(&mut parser)?;
                detail = Detail::parse(&name)
                    .ok_or_else(|| format!("--detail: found {name:?}, expected minimal, summary or full"))?;
            }
            Long("do") => asked.actions.push(word(&mut parser)?),
            Long("via") => asked.via = Some(word(&mut parser)?),
            Long("expect") => {
                let name = word(&mut parser)?;
                let known = ["delivered", "rejected", "dropped"].into_iter().find(|known| *known == name);
                let outcome = known
                    .ok_or_else(|| format!("--expect: found {name:?}, expected delivered, rejected or dropped"))?;
                expect = Some(Expect(outcome));
            }
            Short('o') | Long("output") => output = Some(parser.value().map_err(text)?),
            Long("help") | Short('h') => return Ok(Command::Help),
            Value(file) => input.files.push(file),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if input.walk.is_none() && asked.from.is_none() {
        return Err("trace: --from REF is missing".to_owned());
    }
    if input.walk.is_none() && asked.to.is_none() {
        return Err("trace: --to TARGET is missing".to_owned());
    }
    if asked.df && asked.to.as_ref().is_some_and(|to| !to.starts_with("ping://")) {
        return Err("--df: only ping can set DF by itself; TCP always does".to_owned());
    }
    Ok(Command::Trace { input: input.checked()?, asked, format, detail, output, expect })
}

fn show(mut parser: Parser) -> Result<Command, UsageError> {
    let mut input = Input::default();
    let (mut at, mut after, mut writers, mut actions) = (None, None, false, Vec::new());
    while let Some(arg) = next_before_dashes(&mut parser)? {
        match arg {
            Before::Option(name) if name == "set" => input.set.push(assignment(&mut parser)?),
            Before::Option(name) if name == "fault" => input.faults.push(word(&mut parser)?),
            Before::Option(name) if name == "at" => at = Some(word(&mut parser)?),
            Before::Option(name) if name == "after-trace" => {
                let from = word(&mut parser)?;
                after = Some(Run::new(&from, &word(&mut parser)?));
            }
            Before::Option(name) if name == "do" => actions.push(word(&mut parser)?),
            Before::Option(name) if name == "writers" => writers = true,
            Before::Option(name) if name == "help" => return Ok(Command::Help),
            Before::Option(name) => return Err(format!("invalid option '--{name}'")),
            Before::File(file) => input.files.push(file),
        }
    }
    let rest = parser.raw_args().map_err(text)?;
    let command: Vec<String> = rest.map(|word| word.to_string_lossy().into_owned()).collect();
    if command.is_empty() {
        return Err("show: expected -- and a command, as in -- ip route".to_owned());
    }
    if !actions.is_empty() && after.is_none() {
        return Err("show: --do acts while a run lasts; expected --after-trace FROM TO with it".to_owned());
    }
    let after = after.map(|run| Run { faults: input.faults.clone(), actions, ..run });
    Ok(Command::Show { input: input.checked()?, at: at.ok_or("show: --at REF is missing")?, after, writers, command })
}

enum Before {
    Option(String),
    File(OsString),
}

/// The next argument, or `None` once `--` is reached: what follows is the command typed at a place, options and all.
fn next_before_dashes(parser: &mut Parser) -> Result<Option<Before>, UsageError> {
    if let Some(mut raw) = parser.try_raw_args()
        && raw.peek().is_some_and(|word| word == "--")
    {
        raw.next();
        return Ok(None);
    }
    Ok(match parser.next().map_err(text)? {
        None => None,
        Some(Long(name)) => Some(Before::Option(name.to_owned())),
        Some(Short(name)) => Some(Before::Option(name.to_string())),
        Some(Value(file)) => Some(Before::File(file)),
    })
}

impl Input {
    fn checked(self) -> Result<Self, UsageError> {
        match (self.files.is_empty(), &self.walk) {
            (true, None) => Err("no file; expected at least one FILE".to_owned()),
            (false, Some(_)) => Err("--walk: a walk brings its own cluster; expected no FILE".to_owned()),
            _ => Ok(self),
        }
    }
}

fn assignment(parser: &mut Parser) -> Result<(String, String), UsageError> {
    let pair = word(parser)?;
    match pair.split_once('=') {
        Some((path, value)) => Ok((path.to_owned(), value.to_owned())),
        None => Err(format!("--set: found {pair:?}, expected PATH=VALUE")),
    }
}

fn word(parser: &mut Parser) -> Result<String, UsageError> {
    parser.value().and_then(lexopt::ValueExt::string).map_err(text)
}

fn number<N: std::str::FromStr>(parser: &mut Parser, option: &str, expected: &str) -> Result<N, UsageError> {
    let value = word(parser)?;
    value.parse().map_err(|_| format!("{option}: found {value:?}, expected {expected}"))
}

fn text(error: lexopt::Error) -> UsageError {
    error.to_string()
}
