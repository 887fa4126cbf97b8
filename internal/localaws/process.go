package localaws

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// process is a program that does not outlive the test binary.
type process struct {
	cmd    *exec.Cmd
	keeper *keeper
	ended  chan struct{} // closed when the program has
	err    error         // why, once ended is closed
}

// start runs a program in a process group of its own. What it prints goes to out.
func start(folder string, args, env []string, out output) (*process, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = folder, env, out.file, out.file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	k, err := keep(cmd.Process.Pid)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("start what ends %s: %w", args[0], err)
	}
	p.keeper = k
	go func() {
		p.err = cmd.Wait()
		k.dismiss()
		close(p.ended)
	}()
	return p, nil
}

// kill ends the program with SIGKILL and waits until it has gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error says that it has gone already
	<-p.ended
}

// exit says how the program ended.
func (p *process) exit() string {
	<-p.ended
	return p.cmd.ProcessState.String()
}

// keeper is a shell that kills a process group when the test binary is gone,
// even if that was killed itself: then its end of a pipe closes. It works on
// every Unix, unlike Linux's parent-death signal.
type keeper struct {
	cmd  *exec.Cmd
	hold *os.File
}

func keep(group int) (*keeper, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := exec.Command("/bin/sh", "-c", `cat; kill -9 -"$1"`, "keeper", strconv.Itoa(group))
	cmd.Stdin = read
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that Ctrl-C does not end it first
	if err := cmd.Start(); err != nil {
		write.Close()
		return nil, err
	}
	return &keeper{cmd, write}, nil
}

// dismiss ends the keeper before it can kill anything.
func (k *keeper) dismiss() {
	_ = syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL)
	_ = k.cmd.Wait() // killed, as it should be
	k.hold.Close()
}
