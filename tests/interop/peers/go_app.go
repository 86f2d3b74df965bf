// An application by Go's net/http/fcgi, on the unix socket that it is told.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strings"
	"time"
)

func main() {
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(map[string]any{
			"method": r.Method, "url": r.URL.String(), "host": r.Host, "headers": r.Header, "remote": r.RemoteAddr,
			"env": fcgi.ProcessEnv(r), "length": len(body), "error": fmt.Sprint(err),
		})
	})
	http.HandleFunc("/back", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	http.HandleFunc("/long", func(w http.ResponseWriter, r *http.Request) {
		part := strings.Repeat("x", 1<<20)
		for i := 0; i < 16; i++ {
			io.WriteString(w, part)
		}
	})
	http.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic("on purpose") })
	http.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond)
		io.WriteString(w, r.URL.RawQuery)
	})
	http.HandleFunc("/until-aborted", func(w http.ResponseWriter, r *http.Request) {
		err := error(nil)
		for i := 0; i < 2000 && err == nil; i++ {
			_, err = io.WriteString(w, strings.Repeat("x", 100_000))
			time.Sleep(time.Millisecond)
		}
		os.WriteFile(os.Args[1]+".aborted", []byte(fmt.Sprint(err)), 0o644)
	})
	fcgi.Serve(listener, nil)
}
