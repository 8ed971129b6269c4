"""Microseconds to parse and render templates of 4 KB and 45 KB, best of several rounds.

Run: ``python bench/micro_template.py``
"""

import timeit

from innkeeper.model.template import Template


def sample(size: int) -> str:
    """A VM template of at least this many characters, made of usual attributes."""
    lines = ['NAME = "web server"', "CPU = 0.5", "VCPU = 2", "MEMORY = 2048  # MiB"]
    lines.append('CONTEXT = [ NETWORK = "YES", SSH_PUBLIC_KEY = "$USER[SSH_PUBLIC_KEY]" ]')
    lines.append('SCHED_REQUIREMENTS = "HYPERVISOR = \\"kvm\\" & FREE_MEMORY > 4096"')
    index = 0
    length = sum(len(line) + 1 for line in lines)
    while length < size:
        disk = f'DISK = [ IMAGE_ID = {index}, DEV_PREFIX = "vd", CACHE = "none",\n  SIZE = 10240 ]'
        nic = f'NIC = [ NETWORK = "private {index}", MODEL = "virtio", SECURITY_GROUPS = "0,100" ]'
        label = f'LABEL_{index} = "some text about it, with a few words"'
        lines += [disk, nic, label]
        length += len(disk) + len(nic) + len(label) + 3
        index += 1
    return "\n".join(lines) + "\n"


def microseconds(statement: str, names: dict[str, object]) -> float:
    timer = timeit.Timer(statement, globals=names)
    count, _ = timer.autorange()
    return min(timer.repeat(repeat=5, number=max(1, count // 5))) / max(1, count // 5) * 1e6


def main() -> None:
    print(f"{'size':>6} {'parse plain':>12} {'parse xml':>10} {'to_plain':>9} {'to_xml':>7}  (µs)")
    for size in (4096, 45 * 1024):
        plain = sample(size)
        template = Template.parse(plain)
        names = {"Template": Template, "plain": plain, "t": template, "xml": template.to_xml()}
        statements = ("Template.parse(plain)", "Template.parse(xml)", "t.to_plain()", "t.to_xml()")
        figures = [microseconds(statement, names) for statement in statements]
        print("{:>6} {:>12.1f} {:>10.1f} {:>9.1f} {:>7.1f}".format(len(plain), *figures))


if __name__ == "__main__":
    main()
