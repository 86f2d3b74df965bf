// Go's net/http/fcgi as a peer of the benchmark: fcgi PATH|PORT
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strings"
)

var mebibyte = bytes.Repeat([]byte("x"), 1<<20)

func serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost:
		length, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, length)
	case r.URL.Path == "/down":
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(mebibyte)
	default:
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "Hello, World!")
	}
}

func main() {
	network, address := "unix", os.Args[1]
	if !strings.HasPrefix(address, "/") {
		network, address = "tcp", "127.0.0.1:"+address
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		panic(err)
	}
	panic(fcgi.Serve(listener, http.HandlerFunc(serve)))
}
