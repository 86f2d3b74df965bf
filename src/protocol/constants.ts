/** The numbers of FastCGI 1.0 (§8 of the specification), under its own names. */

/** The only protocol version (§3.3). */
export const FCGI_VERSION_1 = 1;
/** Bytes in a record header; no later version will have fewer (§8). */
export const FCGI_HEADER_LEN = 8;
/** Greatest `contentLength` that a record can carry (§3.3). */
export const FCGI_MAX_CONTENT_LENGTH = 65_535;
/** The `requestId` of management records (§3.3). */
export const FCGI_NULL_REQUEST_ID = 0;

/** Starts a request; sent by the web server (§5.1). */
export const FCGI_BEGIN_REQUEST = 1;
/** Aborts a request; sent by the web server (§5.4). */
export const FCGI_ABORT_REQUEST = 2;
/** Ends a request; sent by the application (§5.5). */
export const FCGI_END_REQUEST = 3;
/** Stream of name-value pairs, from the web server (§5.2). */
export const FCGI_PARAMS = 4;
/** Stream of the request's body, from the web server (§5.3). */
export const FCGI_STDIN = 5;
/** Stream of the response, from the application (§5.3). */
export const FCGI_STDOUT = 6;
/** Stream of error messages, from the application (§5.3). */
export const FCGI_STDERR = 7;
/** Second input stream of a Filter, from the web server (§5.3). */
export const FCGI_DATA = 8;
/** Asks an application for its limits; management (§4.1). */
export const FCGI_GET_VALUES = 9;
/** Answers FCGI_GET_VALUES; management (§4.1). */
export const FCGI_GET_VALUES_RESULT = 10;
/** Answers a management record of a type not known; management (§4.2). */
export const FCGI_UNKNOWN_TYPE = 11;

/** The role of a CGI program: request in, response out (§6.2). */
export const FCGI_RESPONDER = 1;
/** The role that allows or denies a request (§6.3). */
export const FCGI_AUTHORIZER = 2;
/** The role that also gets a file's content, to filter it (§6.4). */
export const FCGI_FILTER = 3;

/** Bit of BEGIN_REQUEST's `flags`: the connection stays open after the request (§5.1). */
export const FCGI_KEEP_CONN = 1;

/** `protocolStatus`: the request was served (§5.5). */
export const FCGI_REQUEST_COMPLETE = 0;
/** `protocolStatus`: refused, the application serves one request at a time on a connection (§5.5). */
export const FCGI_CANT_MPX_CONN = 1;
/** `protocolStatus`: refused, the application has run out of a resource (§5.5). */
export const FCGI_OVERLOADED = 2;
/** `protocolStatus`: refused, the application does not play that role (§5.5). */
export const FCGI_UNKNOWN_ROLE = 3;

/** Name asked by FCGI_GET_VALUES: how many connections the application accepts at a time (§4.1). */
export const FCGI_MAX_CONNS = "FCGI_MAX_CONNS";
/** Name asked by FCGI_GET_VALUES: how many requests the application serves at a time (§4.1). */
export const FCGI_MAX_REQS = "FCGI_MAX_REQS";
/** Name asked by FCGI_GET_VALUES: `"1"` if requests may be multiplexed on a connection, else `"0"` (§4.1). */
export const FCGI_MPXS_CONNS = "FCGI_MPXS_CONNS";
