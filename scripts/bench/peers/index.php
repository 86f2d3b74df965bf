<?php // PHP-FPM as a peer of the benchmark.

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $length = 0;
    $body = fopen('php://input', 'rb');
    while (!feof($body)) {
        $length += strlen(fread($body, 65536));
    }
    header('Content-Type: text/plain');
    echo $length;
} elseif (str_starts_with($_SERVER['REQUEST_URI'], '/down')) {
    header('Content-Type: application/octet-stream');
    echo str_repeat('x', 1 << 20);
} else {
    header('Content-Type: text/plain');
    echo 'Hello, World!';
}
