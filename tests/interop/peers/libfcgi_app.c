// An application by libfcgi, a Responder, an Authorizer and a Filter, on the unix socket that it is told.
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>

static long copy(FCGX_Stream *in, FCGX_Stream *out) {
  char buffer[8192];
  long length = 0;
  for (int got; (got = FCGX_GetStr(buffer, sizeof buffer, in)) > 0; length += got) {
    if (out != NULL && FCGX_PutStr(buffer, got, out) < 0) break;
  }
  return length;
}

static void respond(FCGX_Request *request, const char *path) {
  FCGX_Stream *in = request->in, *out = request->out;
  if (strcmp(path, "/params") == 0) {
    FCGX_FPrintF(out, "Content-Type: text/plain\n\n");
    for (char **param = request->envp; *param != NULL; param++) FCGX_FPrintF(out, "%s\n", *param);
  } else if (strcmp(path, "/back") == 0) {
    FCGX_FPrintF(out, "Status: 201 Made\r\n\r\n");
    copy(in, out);
  } else if (strcmp(path, "/unread") == 0) {
    FCGX_FPrintF(out, "Status: 413 Too Large\r\n\r\nno");
  } else if (strcmp(path, "/status") == 0) {
    FCGX_FPrintF(request->err, "about to fail\n");
    FCGX_SetExitStatus(7, out);
  } else if (strcmp(path, "/exit") == 0) {
    FCGX_FPrintF(out, "Content-Type: text/plain\r\n\r\nhalf");
    FCGX_FFlush(out);
    exit(0);
  } else {
    FCGX_FPrintF(out, "Content-Type: text/plain\r\n\r\nlength %ld", copy(in, NULL));
  }
}

int main(int count, char **args) {
  FCGX_Request request;
  FCGX_Init();
  FCGX_InitRequest(&request, FCGX_OpenSocket(args[count - 1], 128), 0);
  while (FCGX_Accept_r(&request) == 0) {
    const char *role = FCGX_GetParam("FCGI_ROLE", request.envp);
    const char *path = FCGX_GetParam("PATH_INFO", request.envp);
    if (role != NULL && strcmp(role, "AUTHORIZER") == 0) {
      const char *key = FCGX_GetParam("HTTP_AUTHORIZATION", request.envp);
      if (key != NULL && strcmp(key, "yes") == 0) FCGX_FPrintF(request.out, "Status: 200 OK\r\nVariable-REMOTE_USER: anna\r\n\r\n");
      else FCGX_FPrintF(request.out, "Status: 401 Unauthorized\r\n\r\nwho are you?");
    } else if (role != NULL && strcmp(role, "FILTER") == 0) {
      FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n\r\n%ld,", copy(request.in, NULL));
      FCGX_StartFilterData(request.in);
      FCGX_FPrintF(request.out, "%ld,%s", copy(request.in, NULL), FCGX_GetParam("FCGI_DATA_LENGTH", request.envp));
    } else {
      respond(&request, path == NULL ? "" : path);
    }
    FCGX_Finish_r(&request);
  }
  return 0;
}
