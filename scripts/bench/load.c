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
 *   rate      turns that begin in a second; 0: as many as the server can answer
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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { END_REQUEST = 3, STDOUT = 6, RECORD_HEAD = 8, DIGITS = 10, MAX_NUMBERS = 256, MAX_HEAD = 16384, MAX_PIDS = 64 };

struct response {
  char head[MAX_HEAD]; /* over HTTP, all of the response */
  size_t head_length;
  bool in_body;
  long long body;
};

struct connection {
  int fd;
  bool wants_write;
  char *head;
  long long sent;
  int unanswered;
  unsigned char record[RECORD_HEAD], end[RECORD_HEAD];
  int record_length, content, padding, end_length;
  struct response responses[];
};

static int count;
static char **args;
static bool is_http, keep;
static int batch, connections, busy;
static size_t head_length, body_length, tail_length, expected_length;
static long long turn_length, response_length;
static char *head, *body, *tail, *expected;
static size_t numbers[MAX_NUMBERS];
static int number_count;
static struct sockaddr_storage addr;
static socklen_t addr_length;
static int poller, timer = -1;
static struct connection **idle; /* a ring: the next is the one that has waited longest */
static int first_idle, idle_count, turning;
static long long started, finished, credit, max_turns;
static double ends_at;

static void fail(const char *what, const char *detail) {
  fprintf(stderr, "%s: %.500s\n", what, detail);
  exit(1);
}

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

/* ---- responses ---- */

static void take_body(struct response *response, const char *bytes, size_t length) {
  if (response->body + (long long)length > response_length) fail("a response is too long", response->head);
  while (length > 0) {
    size_t at = response->body % expected_length;
    size_t part = length < expected_length - at ? length : expected_length - at;
    if (memcmp(bytes, expected + at, part) != 0) fail("a response has another body", bytes);
    response->body += part, bytes += part, length -= part;
  }
}

static void answered(struct connection *connection, struct response *response) {
  if (!response->in_body) fail("a response without a head", response->head);
  if (response->body != response_length) fail("a response is too short", response->head);
  connection->unanswered--;
}

/* Takes the head's bytes; gives back how many of the given ones belong to it. */
static size_t take_head(struct response *response, const char *bytes, size_t length) {
  size_t before = response->head_length;
  size_t part = length < MAX_HEAD - 1 - before ? length : MAX_HEAD - 1 - before;
  memcpy(response->head + before, bytes, part);
  response->head[response->head_length += part] = 0;
  char *end = strstr(response->head + (before > 3 ? before - 3 : 0), "\r\n\r\n");
  if (end == NULL) {
    if (part < length) fail("a head that does not end", response->head);
    return length;
  }
  response->in_body = true;
  return end + 4 - response->head - before;
}

static void take_stdout(struct response *response, const char *bytes, size_t length) {
  size_t part = 0;
  if (!response->in_body) {
    part = take_head(response, bytes, length);
    const char *status = response->in_body ? strcasestr(response->head, "status:") : NULL;
    if (status != NULL && atoi(status + 7) != 200) fail("a response with another status", response->head);
  }
  if (response->in_body) take_body(response, bytes + part, length - part);
}

static void take_content(struct connection *connection, const char *bytes, int length) {
  int id = connection->record[2] << 8 | connection->record[3];
  if (id < 1 || id > batch) fail("a record of another request", bytes);
  if (connection->record[1] == STDOUT) take_stdout(&connection->responses[id - 1], bytes, length);
  else if (connection->record[1] != END_REQUEST) fail("a record that is neither STDOUT nor END_REQUEST", bytes);
  else while (length-- > 0 && connection->end_length < RECORD_HEAD) connection->end[connection->end_length++] = *bytes++;
}

static void end_record(struct connection *connection) {
  connection->record_length = 0;
  if (connection->record[1] != END_REQUEST) return;
  static const unsigned char complete[5];
  if (memcmp(connection->end, complete, 5) != 0) fail("a request that did not succeed", "appStatus or protocolStatus");
  connection->end_length = 0;
  answered(connection, &connection->responses[(connection->record[2] << 8 | connection->record[3]) - 1]);
}

static void take_records(struct connection *connection, const char *bytes, int length) {
  while (length > 0) {
    int part;
    if (connection->record_length < RECORD_HEAD) {
      part = 1;
      connection->record[connection->record_length++] = *bytes;
      connection->content = connection->record[4] << 8 | connection->record[5];
      connection->padding = connection->record[6];
    } else if (connection->content > 0) {
      part = length < connection->content ? length : connection->content;
      take_content(connection, bytes, part);
      connection->content -= part;
    } else {
      part = length < connection->padding ? length : connection->padding;
      connection->padding -= part;
    }
    bytes += part, length -= part;
    bool whole = connection->record_length == RECORD_HEAD && connection->content == 0 && connection->padding == 0;
    if (whole) end_record(connection);
  }
}

/* Over HTTP, responses are small: each is collected, then checked. */
static void take_http(struct connection *connection, const char *bytes, size_t length) {
  struct response *response = &connection->responses[0];
  if (length >= MAX_HEAD - response->head_length) fail("a response is too long", response->head);
  memcpy(response->head + response->head_length, bytes, length);
  response->head[response->head_length += length] = 0;
  char *end = strstr(response->head, "\r\n\r\n");
  if (end == NULL) return;
  char *at = end + 4, *all = response->head + response->head_length;
  if (strncmp(response->head, "HTTP/1.1 200", 12) != 0) fail("a response with another status", response->head);
  response->in_body = true;
  char *field = strcasestr(response->head, "\r\ncontent-length:");
  if (field != NULL && field < end) {
    if (all - at < atoll(field + 17)) return;
    take_body(response, at, all - at);
  } else {
    if (all - at < 5 || strcmp(all - 5, "0\r\n\r\n") != 0) return;
    for (long size; (size = strtol(at, &at, 16)) > 0; at += 2 + size + 2) take_body(response, at + 2, size);
  }
  answered(connection, response);
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

  double before[MAX_PIDS];
  int groups = 0;
  for (const char *pids = text("pids"); *pids != 0 && groups < MAX_PIDS;) before[groups++] = cpu_of(&pids);
  double began_at = clock_seconds(CLOCK_MONOTONIC), own = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
  max_turns = turns, ends_at = began_at + seconds;
  start_timer(number("rate"));
  run();
  double took = clock_seconds(CLOCK_MONOTONIC) - began_at, requests = finished * batch;
  own = (clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - own) * 1e6;
  printf("{\"requests\":%.0f,\"seconds\":%.6f,\"own\":%.3f,\"idleBytes\":%ld,\"cpu\":[", requests, took, own / requests, memory);
  const char *pids = text("pids");
  for (int at = 0; at < groups; at++) printf("%s%.3f", at > 0 ? "," : "", (cpu_of(&pids) - before[at]) / requests);
  printf("]}\n");
}
