package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// One connection over TLS 1.3 that is kept alive. It writes and reads no more than it must: the client shares two cores
// with the server.
type caller struct {
	address, token string
	connection     net.Conn
	reader         *bufio.Reader
	out, body      []byte
}

func dialCaller(address, token string) (*caller, error) {
	// The server's certificate was made for this run by this program.
	settings := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}
	connection, err := tls.Dial("tcp", address, settings)
	if err != nil {
		return nil, err
	}
	return &caller{address: address, token: token, connection: connection, reader: bufio.NewReader(connection)}, nil
}

// The status and the body of the answer, which the next call overwrites.
func (c *caller) call(method, path, contentType string, body []byte) (int, []byte, error) {
	c.out = fmt.Appendf(c.out[:0], "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", method, path, c.address, c.token)
	if body != nil {
		c.out = fmt.Appendf(c.out, "Content-Type: %s\r\nContent-Length: %d\r\n", contentType, len(body))
	}
	c.out = append(append(c.out, "\r\n"...), body...)
	if _, err := c.connection.Write(c.out); err != nil {
		return 0, nil, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("no status line: %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, nil, err
	}
	length := 0
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, err
			}
		}
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.reader, c.body)
	return status, c.body, err
}

type load struct {
	took      time.Duration
	calls     int
	cpu       float64   // seconds of the operator
	latencies []float64 // milliseconds, of all calls
}

// Microseconds of the operator's processor time.
func (l load) cpuOf(of int) float64 { return l.cpu * 1e6 / float64(l.calls*of) }

func (l load) perSecond() float64 { return float64(l.calls) / l.took.Seconds() }

// So many connections call one after another until `enough` says so; the first error ends it. `pace`: so many calls a
// second, all connections together, whether they are answered in time or not; a latency then counts from the moment at
// which the call was due. 0: as fast as it goes.
func (t *inboundTarget) drive(connections int, pace float64, enough func(started int64, took time.Duration) bool,
	call func(c *caller, number int64) error) (load, error) {
	callers := make([]*caller, connections)
	for i := range callers {
		var err error
		if callers[i], err = dialCaller(t.address, t.token); err != nil {
			return load{}, err
		}
		defer callers[i].connection.Close()
	}
	var (
		group  sync.WaitGroup
		next   atomic.Int64
		failed atomic.Pointer[error]
		parts  = make([][]float64, connections)
	)
	before, err := t.process.cpuSeconds()
	if err != nil {
		return load{}, err
	}
	began := time.Now()
	for i, one := range callers {
		group.Go(func() {
			for failed.Load() == nil {
				number := next.Add(1) - 1
				if enough(number, time.Since(began)) {
					return
				}
				due := time.Now()
				if pace > 0 {
					due = began.Add(time.Duration(float64(number) / pace * float64(time.Second)))
					time.Sleep(time.Until(due))
				}
				if err := call(one, number); err != nil {
					failed.Store(&err)
					return
				}
				parts[i] = append(parts[i], milliseconds(time.Since(due)))
			}
		})
	}
	group.Wait()
	result := load{took: time.Since(began)}
	after, err := t.process.cpuSeconds()
	if err != nil {
		return load{}, err
	}
	result.cpu = after - before
	for _, part := range parts {
		result.latencies = append(result.latencies, part...)
	}
	result.calls = len(result.latencies)
	if err := failed.Load(); err != nil {
		return result, *err
	}
	return result, nil
}

// A key and a certificate for 127.0.0.1, of this run alone.
func writeCertificate(folder string) (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	certificate, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	return certificate, key, errors.Join(
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o644),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
}
