/* The FastCGI library for C as a peer of the benchmark: libfcgi PATH|:PORT THREADS. Each thread serves a connection. */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static char mebibyte[1 << 20];
static int listener;

static void answer(FCGX_Request *request) {
  const char *method = FCGX_GetParam("REQUEST_METHOD", request->envp);
  const char *path = FCGX_GetParam("SCRIPT_NAME", request->envp);
  if (method && strcmp(method, "POST") == 0) {
    char part[65536];
    long length = 0;
    for (int got; (got = FCGX_GetStr(part, sizeof part, request->in)) > 0;) length += got;
    FCGX_FPrintF(request->out, "Content-Type: text/plain\r\n\r\n%ld", length);
  } else if (path && strcmp(path, "/down") == 0) {
    FCGX_PutS("Content-Type: application/octet-stream\r\n\r\n", request->out);
    FCGX_PutStr(mebibyte, sizeof mebibyte, request->out);
  } else if (path && strcmp(path, "/headers") == 0 && !(FCGX_GetParam("HTTP_ACCEPT", request->envp) &&
             FCGX_GetParam("HTTP_ACCEPT_LANGUAGE", request->envp) && FCGX_GetParam("HTTP_USER_AGENT", request->envp))) {
    FCGX_PutS("Content-Type: text/plain\r\n\r\nA header is missing", request->out);
  } else {
    FCGX_PutS("Content-Type: text/plain\r\n\r\nHello, World!", request->out);
  }
}

static void *serve(void *unused) {
  FCGX_Request request;
  FCGX_InitRequest(&request, listener, 0);
  while (FCGX_Accept_r(&request) == 0) {
    answer(&request);
    FCGX_Finish_r(&request);
  }
  return unused;
}

int main(int count, char **args) {
  memset(mebibyte, 'x', sizeof mebibyte);
  if (count != 3 || FCGX_Init() != 0 || (listener = FCGX_OpenSocket(args[1], 1024)) < 0) return 1;
  for (int more = atoi(args[2]); more > 1; more--) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, NULL) != 0) return 1;
  }
  serve(NULL);
}
