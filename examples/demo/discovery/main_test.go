package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const pods = `{"items":[
{"metadata":{"name":"a-1","namespace":"n","labels":{"purser.dev/agent":"a"}},
 "spec":{"containers":[{},{"ports":[{"name":"http","containerPort":80},{"name":"metrics","containerPort":9100}]}]},
 "status":{"podIP":"10.0.0.1","phase":"Running"}},
{"metadata":{"name":"a-2","namespace":"n","labels":{"purser.dev/agent":"a"}},
 "spec":{"containers":[{"ports":[{"name":"metrics","containerPort":9100}]}]},"status":{"phase":"Pending"}},
{"metadata":{"name":"a-3","namespace":"n","labels":{"purser.dev/agent":"a"}},
 "spec":{"containers":[{"ports":[{"name":"metrics","containerPort":9100}]}]},
 "status":{"podIP":"10.0.0.3","phase":"Succeeded"}},
{"metadata":{"name":"b-1","namespace":"m","labels":{"purser.dev/agent":"b"}},
 "spec":{"containers":[{}]},"status":{"podIP":"10.0.0.4","phase":"Running"}}]}`

// ask serves one request for targets against an API server that answers with code and body.
func ask(t *testing.T, code int, body string) (int, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("the token was sent as %q", request.Header.Get("Authorization"))
		}
		if selector := request.URL.Query().Get("labelSelector"); selector != agentLabel {
			t.Errorf("asked for pods with %q", selector)
		}
		response.WriteHeader(code)
		_, _ = io.WriteString(response, body)
	}))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	(&cluster{server.URL, token, server.Client()}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	return recorder.Code, strings.TrimSpace(recorder.Body.String())
}

func TestTargets(t *testing.T) {
	want := `[{"targets":["10.0.0.1:9100"],"labels":{"agent":"a","namespace":"n","pod":"a-1"}}]`
	if code, got := ask(t, http.StatusOK, pods); code != http.StatusOK || got != want {
		t.Errorf("%d %s; want %s", code, got, want)
	}
	if code, got := ask(t, http.StatusOK, `{"items":[]}`); code != http.StatusOK || got != "[]" {
		t.Errorf("without pods: %d %s; want []", code, got)
	}
}

func TestFailuresAreNoEmptyList(t *testing.T) {
	for code, body := range map[int]string{http.StatusForbidden: "{}", http.StatusOK: "<html>"} {
		if got, text := ask(t, code, body); got != http.StatusBadGateway {
			t.Errorf("after %d %s: %d %s; want an error", code, body, got, text)
		}
	}
}
