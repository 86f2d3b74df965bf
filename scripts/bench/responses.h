/* The checks of responses, as they come in: the first that is wrong ends the program. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { END_REQUEST = 3, STDOUT = 6, RECORD_HEAD = 8, MAX_HEAD = 16384 };

/* The body that every response must have: these bytes, again and again. */
static char *expected;
static size_t expected_length;
static long long response_length;
/* Requests in a turn. */
static int batch;

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

static void fail(const char *what, const char *detail) {
  fprintf(stderr, "%s: %.500s\n", what, detail);
  exit(1);
}

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
