/* The load generator: loads a server, checks every response, and prints what the requests cost as JSON.
 *
 *   load name=value ...
 *
 *   addr      path of a unix socket, or port of 127.0.0.1
 *   http      1: the server speaks HTTP/1.1; 0: FastCGI
 *   file      a turn and its response's body, one after the other: `head` bytes, `body`, `tail`, `expected`
 *   repeat    how often the body is sent, between head and tail
 *   again     how often the expected bytes come
 *   batch     requests in a turn, with the ids from 1; the turn is over when all are answered
 *   connections, busy   connections that are open, and how many of them have a turn under way: they take turns
 *   keep      0: a new connection for each turn
 *   rate      turns that begin in a second; 0: each as soon as the one before it is over
 *   turns, seconds      the load ends with the first of the two; turns=0: no such bound
 *   pids      processes whose CPU time counts: groups, divided by slashes, of ids, divided by commas
 *   idle      1: also measures the memory that an open connection takes in the first process
 *
 * Ten zeros in the head become the number of the turn. Linux only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "responses.h"

enum { DIGITS = 10, MAX_NUMBERS = 256, MAX_GROUPS = 8 };

static int count;
static char **args;
static bool is_http, keep;
static int connections, busy;
static size_t head_length, body_length, tail_length;
static long long turn_length;
static char *head, *body, *tail;
static size_t numbers[MAX_NUMBERS];
static int number_count;
static struct sockaddr_storage addr;
static socklen_t addr_length;
static int poller, timer = -1;
static struct connection **idle; /* a ring: the next is the one that has waited longest */
static int first_idle, idle_count, turning;
static long long started, finished, credit, max_turns;
static double ends_at;

static const char *text(const char *name) {
  size_t length = strlen(name);
  for (int at = 1; at < count; at++)
    if (strncmp(args[at], name, length) == 0 && args[at][length] == '=') return args[at] + length + 1;
  fail("missing argument", name);
  return NULL;
}

static long long number(const char *name) { return atoll(text(name)); }

static double clock_seconds(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) fail("cannot read a clock", strerror(errno));
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* ---- turns ---- */

static void watch(struct connection *connection, int operation) {
  struct epoll_event event = { .events = EPOLLIN | (connection->wants_write ? EPOLLOUT : 0), .data.ptr = connection };
  if (epoll_ctl(poller, operation, connection->fd, &event) != 0) fail("cannot watch a socket", strerror(errno));
}

static void dial(struct connection *connection) {
  static const int on = 1;
  connection->fd = socket(addr.ss_family, SOCK_STREAM, 0);
  if (connect(connection->fd, (struct sockaddr *)&addr, addr_length) != 0) fail("cannot connect", strerror(errno));
  if (addr.ss_family == AF_INET) setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(connection->fd, F_SETFL, O_NONBLOCK);
  connection->wants_write = false;
  watch(connection, EPOLL_CTL_ADD);
}

static void send_more(struct connection *connection) {
  while (connection->sent < turn_length) {
    long long at = connection->sent, body_end = turn_length - tail_length;
    struct iovec pieces[3];
    int used = 0;
    if (at < (long long)head_length) {
      pieces[used++] = (struct iovec){ connection->head + at, head_length - at };
      at = head_length;
    }
    if (at < body_end) {
      size_t offset = (at - head_length) % body_length;
      pieces[used++] = (struct iovec){ body + offset, body_length - offset };
      at += body_length - offset;
    }
    if (at >= body_end) pieces[used++] = (struct iovec){ tail + (at - body_end), turn_length - at };
    ssize_t written = writev(connection->fd, pieces, used);
    if (written < 0 && errno != EAGAIN) fail("cannot send", strerror(errno));
    if (written > 0) connection->sent += written;
    else break;
  }
  bool wants_write = connection->sent < turn_length;
  if (wants_write == connection->wants_write) return;
  connection->wants_write = wants_write;
  watch(connection, EPOLL_CTL_MOD);
}

static bool is_over(void) {
  return (max_turns > 0 && started >= max_turns) || (ends_at > 0 && clock_seconds(CLOCK_MONOTONIC) > ends_at);
}

/* Begins as many turns as may be under way. */
static void begin_turns(void) {
  while (idle_count > 0 && turning < busy && credit > 0 && !is_over()) {
    struct connection *connection = idle[first_idle];
    first_idle = (first_idle + 1) % connections;
    idle_count--, turning++;
    if (timer >= 0) credit--;
    if (connection->fd < 0) dial(connection);
    char digits[32];
    snprintf(digits, sizeof digits, "%0*lld", DIGITS, ++started);
    for (int at = 0; at < number_count; at++) memcpy(connection->head + numbers[at], digits, DIGITS);
    for (int at = 0; at < batch; at++) {
      connection->responses[at].head_length = connection->responses[at].body = 0;
      connection->responses[at].in_body = false;
    }
    connection->unanswered = batch;
    connection->sent = 0;
    send_more(connection);
  }
}

static void end_turn(struct connection *connection) {
  idle[(first_idle + idle_count++) % connections] = connection;
  turning--, finished++;
}

static void receive(struct connection *connection) {
  static char buffer[1 << 16];
  for (ssize_t length = sizeof buffer; length == sizeof buffer;) {
    length = read(connection->fd, buffer, sizeof buffer - 1);
    if (length < 0 && errno == EAGAIN) return;
    if (length < 0) fail("cannot receive", strerror(errno));
    if (length == 0) {
      if (keep || connection->unanswered > 0) fail("the server closed a connection", "before the response was whole");
      close(connection->fd);
      connection->fd = -1;
      return end_turn(connection);
    }
    if (connection->unanswered == 0) fail("bytes after the response", buffer);
    buffer[length] = 0;
    if (is_http) take_http(connection, buffer, length);
    else take_records(connection, buffer, length);
    /* A server closes the connection that it need not keep; only then the next is opened, as web servers do. */
    if (connection->unanswered == 0 && keep) return end_turn(connection);
  }
}

static void run(void) {
  for (begin_turns(); turning > 0 || !is_over(); begin_turns()) {
    struct epoll_event events[256];
    int ready = epoll_wait(poller, events, 256, 100);
    for (int at = 0; at < ready; at++) {
      struct connection *connection = events[at].data.ptr;
      if (connection == NULL) {
        unsigned long long due;
        if (read(timer, &due, sizeof due) == sizeof due) credit += due;
        continue;
      }
      if (events[at].events & EPOLLOUT) send_more(connection);
      if (events[at].events & ~EPOLLOUT) receive(connection);
      begin_turns();
    }
  }
}

/* ---- processes ---- */

/* Microseconds of CPU time that a group of processes has used so far; moves on to the next group. */
static double cpu_of(const char **pids) {
  double sum = 0;
  for (char *end; **pids != 0; *pids = end + 1) {
    clockid_t clock;
    int pid = strtol(*pids, &end, 10);
    if (clock_getcpuclockid(pid, &clock) != 0) fail("a process has ended", *pids);
    sum += clock_seconds(clock) * 1e6;
    if (*end != ',') {
      *pids = *end == 0 ? end : end + 1;
      break;
    }
  }
  return sum;
}

static long resident_bytes(void) {
  char path[64];
  long pages = 0;
  snprintf(path, sizeof path, "/proc/%d/statm", atoi(text("pids")));
  FILE *file = fopen(path, "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) fail("cannot read", path);
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

/* ---- set up ---- */

static void read_file(void) {
  head_length = number("head"), body_length = number("body"), tail_length = number("tail");
  expected_length = number("expected");
  size_t length = head_length + body_length + tail_length + expected_length;
  head = malloc(length);
  FILE *file = fopen(text("file"), "r");
  if (file == NULL || fread(head, 1, length, file) != length) fail("cannot read", text("file"));
  body = head + head_length, tail = body + body_length, expected = tail + tail_length;
  turn_length = head_length + body_length * number("repeat") + tail_length;
  response_length = expected_length * number("again");
  for (char *at = head; number_count < MAX_NUMBERS && (at = memmem(at, body - at, "0000000000", DIGITS)); at += DIGITS)
    numbers[number_count++] = at - head;
}

static void read_addr(void) {
  const char *where = text("addr");
  struct sockaddr_un *local = (struct sockaddr_un *)&addr;
  struct sockaddr_in *port = (struct sockaddr_in *)&addr;
  if (*where == '/') {
    local->sun_family = AF_UNIX;
    snprintf(local->sun_path, sizeof local->sun_path, "%s", where);
    addr_length = sizeof *local;
  } else {
    port->sin_family = AF_INET;
    port->sin_port = htons(atoi(where));
    port->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr_length = sizeof *port;
  }
}

static void start_timer(long long rate) {
  credit = rate == 0;
  if (rate == 0) return;
  struct timespec interval = { .tv_nsec = 1000000000 / rate };
  struct itimerspec every = { interval, interval };
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  if (timerfd_settime(timer, 0, &every, NULL) != 0 || epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event) != 0)
    fail("cannot start a timer", strerror(errno));
}

int main(int argument_count, char **arguments) {
  count = argument_count, args = arguments;
  is_http = number("http"), keep = number("keep"), batch = number("batch");
  connections = number("connections"), busy = number("busy");
  read_file();
  read_addr();
  poller = epoll_create1(0);
  idle = calloc(connections, sizeof *idle);
  for (int at = 0; at < connections; at++) {
    struct connection *connection = idle[at] = calloc(1, sizeof *connection + batch * sizeof(struct response));
    connection->fd = -1;
    connection->head = memcpy(malloc(head_length), head, head_length);
  }
  idle_count = connections;
  long long turns = number("turns"), wants_memory = number("idle");
  double seconds = atof(text("seconds"));
  alarm(60 + seconds);

  long memory = 0;
  if (wants_memory) sleep(1), memory = resident_bytes();
  if (keep && turns == 0) {
    credit = max_turns = connections;
    run();
    started = finished = max_turns = 0;
  }
  if (wants_memory) sleep(1), memory = (resident_bytes() - memory) / connections;

  double before[MAX_GROUPS];
  int groups = 0;
  for (const char *pids = text("pids"); *pids != 0 && groups < MAX_GROUPS;) before[groups++] = cpu_of(&pids);
  double began_at = clock_seconds(CLOCK_MONOTONIC), own = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
  max_turns = turns, ends_at = began_at + seconds;
  start_timer(number("rate"));
  run();
  if (finished == 0) fail("no response", "in the time there was");
  double took = clock_seconds(CLOCK_MONOTONIC) - began_at, requests = finished * batch;
  own = (clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - own) * 1e6;
  printf("{\"requests\":%.0f,\"seconds\":%.6f,\"own\":%.3f,\"idleBytes\":%ld,\"cpu\":[", requests, took, own / requests, memory);
  const char *pids = text("pids");
  for (int at = 0; at < groups; at++) printf("%s%.3f", at > 0 ? "," : "", (cpu_of(&pids) - before[at]) / requests);
  printf("]}\n");
}
