package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// A line that is longer is taken in pieces.
	maxLine = 64 * 1024
	cutText = "\n[the log is cut here: it has reached its limit]\n"
)

// followLog copies what terraform prints into the log that the server gets, with every secret as so many asterisks: both files
// have the same offsets, so that a copy that was broken off goes on where it ended. The answer copies the rest and ends it.
func (j *job) followLog(secrets [][]byte) (finish func() error, err error) {
	log, err := os.OpenFile(j.path(logFile), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	raw, err := os.Open(j.path(rawFile))
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	end, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, log.Close(), raw.Close())
	}
	copier := &logCopier{job: j, raw: raw, log: log, secrets: secrets, end: end, limit: int64(j.spec.MaxLogBytes)}
	copier.publish()
	stop := make(chan struct{})
	var copying sync.WaitGroup
	copying.Go(func() { copier.run(stop) })
	return func() error {
		close(stop)
		copying.Wait()
		return errors.Join(copier.failure, raw.Close())
	}, nil
}

type logCopier struct {
	job     *job
	raw     *os.File
	log     *os.File
	secrets [][]byte
	end     int64
	limit   int64
	failure error
}

func (c *logCopier) run(stop <-chan struct{}) {
	for isLast := false; !isLast && c.failure == nil; {
		select {
		case <-stop:
			isLast = true
		case <-time.After(50 * time.Millisecond):
		}
		for c.failure == nil && c.step(isLast) {
		}
	}
}

// step copies some whole lines; at the end also a line that is none.
func (c *logCopier) step(isLast bool) bool {
	if c.limit > 0 && c.end >= c.limit {
		return false
	}
	buffer := make([]byte, 4*maxLine)
	n, err := c.raw.ReadAt(buffer, c.end)
	if err != nil && !errors.Is(err, io.EOF) {
		c.failure = err
	}
	lines := wholeLines(buffer[:n], isLast && errors.Is(err, io.EOF))
	if len(lines) == 0 {
		return false
	}
	c.append(masked(lines, c.secrets))
	return true
}

func (c *logCopier) append(text []byte) {
	if room := c.limit - c.end; c.limit > 0 && int64(len(text)) >= room {
		text = append(text[:max(0, room-int64(len(cutText)))], cutText...)
		c.end = c.limit
	} else {
		c.end += int64(len(text))
	}
	if _, err := c.log.Write(text); err != nil {
		c.failure = err
		return
	}
	c.publish()
}

// publish shows the stream what there is to send.
func (c *logCopier) publish() {
	length, err := c.log.Seek(0, io.SeekEnd)
	if err != nil {
		c.failure = err
		return
	}
	c.job.agent.mu.Lock()
	c.job.log, c.job.logEnd = c.log, length
	c.job.agent.mu.Unlock()
	c.job.agent.poke()
}

func wholeLines(text []byte, isLast bool) []byte {
	if isLast || len(text) == 4*maxLine && bytes.IndexByte(text, '\n') < 0 {
		return text
	}
	return text[:bytes.LastIndexByte(text, '\n')+1]
}

// masked replaces secrets, and lines of secrets, without a change of length.
func masked(text []byte, secrets [][]byte) []byte {
	for _, secret := range secrets {
		text = bytes.ReplaceAll(text, secret, bytes.Repeat([]byte("*"), len(secret)))
	}
	return text
}
