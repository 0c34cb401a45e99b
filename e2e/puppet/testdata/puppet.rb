# Applies manifests with Puppet loaded once. A line "ROOT" on standard input is answered by a line of JSON when /manifest.pp in that root, entered by
# chroot in a process of its own, has been applied: "code" (of `puppet apply --detailed-exitcodes`), "resources" (address to outcome) and "log".
require 'json'
require 'puppet'
require 'puppet/util/command_line'
require 'puppet/application/apply'
require 'puppet/configurer'
require 'puppet/indirector/facts/facter'
require 'puppet/transaction/report'
require 'puppet/type/file'
require 'puppet/type/exec'

module KeptReport
  def finalize_report
    super
    $report = self
  end
end
Puppet::Transaction::Report.prepend(KeptReport)

# The manifests use no facts, and finding all of them takes longer than anything else.
module NoFacts
  def find(request)
    Puppet::Node::Facts.new(request.key, 'networking' => { 'fqdn' => 'node' })
  end
end
Puppet::Node::Facts::Facter.prepend(NoFacts)

def outcome(status)
  return 'failed' if status.failed || status.failed_to_restart
  return 'skipped' if status.skipped
  # An exec that was not due and ran because it was notified counts as changed in Puppet, too.
  return 'refreshed' if status.restarted && status.events.all? { |e| e.name == :restarted || e.status == 'noop' || e.property.nil? }
  return 'pending' if status.events.any? { |e| e.status == 'noop' }
  status.changed ? 'changed' : 'unchanged'
end

def apply(root)
  Dir.chroot(root)
  Dir.chdir('/')
  File.umask(0o022)
  log = File.open('/puppet.log', 'w+')
  $stdout.reopen(log)
  $stderr.reopen(log)
  code = begin
    Puppet::Util::CommandLine.new('puppet', %w[apply --detailed-exitcodes --confdir /.puppet/conf --vardir /.puppet/var --color=false /manifest.pp]).execute
    0
  rescue SystemExit => e
    e.status
  end
  $stdout.flush
  resources = $report ? $report.resource_statuses.to_h { |name, status| [name, outcome(status)] } : {}
  { code: code, resources: resources, log: File.binread('/puppet.log').force_encoding('UTF-8').scrub }
end

GC.start
GC.disable # none of the processes below lives long, and what they do not touch is not copied for them
$stdin.each_line do |line|
  r, w = IO.pipe
  pid = fork do
    r.close
    answers = $stdout.dup
    answers.close
    w.write(JSON.generate(apply(line.chomp)))
    w.close
    exit!(0)
  end
  w.close
  answer = r.read
  Process.wait(pid)
  answer = '{"code":-1,"log":"no answer"}' if answer.empty?
  $stdout.puts(answer)
  $stdout.flush
end
